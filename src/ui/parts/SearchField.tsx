import { Search } from "lucide-react";
import { TextInput } from "./Field.tsx";

export interface SearchFieldProps {
  /** What is searched, for those who do not see the field. */
  label: string;
  placeholder: string;
  value: string;
  onChange(value: string): void;
  className?: string;
}

/** A line of text to find something by. */
export function SearchField({
  label,
  placeholder,
  value,
  onChange,
  className = "",
}: SearchFieldProps) {
  return (
    <div className={`search-field ${className}`}>
      <Search aria-hidden size={14} />
      <TextInput
        type="search"
        className="input-small"
        aria-label={label}
        placeholder={placeholder}
        value={value}
        onChange={({ target }) => onChange(target.value)}
      />
    </div>
  );
}
