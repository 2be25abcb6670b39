import { BookOpen, CodeXml, Keyboard, LogOut, MoonStar, Sun } from "lucide-react";
import { useState } from "react";
import { API_PREFIX } from "../api/client.ts";
import { queryClient } from "../api/query-client.ts";
import { forgetToken, storedToken } from "../api/token.ts";
import { IconButton } from "../parts/Button.tsx";
import { Menu, MenuChoice, MenuItem, MenuLine, MenuTitle } from "../parts/Menu.tsx";
import { chooseTheme, THEME_CHOICES, type ThemeChoice, themeChoice } from "../theme/choice.ts";

const WORDS: Readonly<Record<ThemeChoice, string>> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
};

/** Light and dark, the keys, the API, and out. */
export function ThemeMenu({ onKeys }: { onKeys(): void }) {
  const [choice, setChoice] = useState(themeChoice);
  const dark =
    choice === "dark" ||
    (choice === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <Menu
      align="end"
      trigger={<IconButton icon={dark ? MoonStar : Sun} label="Appearance and help" />}
    >
      <MenuTitle>Appearance</MenuTitle>
      {THEME_CHOICES.map((each) => (
        <MenuChoice
          key={each}
          checked={choice === each}
          onSelect={() => {
            chooseTheme(each);
            setChoice(each);
          }}
        >
          {WORDS[each]}
        </MenuChoice>
      ))}
      <MenuLine />
      <MenuItem icon={Keyboard} shortcut="?" onSelect={onKeys}>
        Keys
      </MenuItem>
      <MenuItem icon={BookOpen} onSelect={() => window.open("/readme", "_blank", "noopener")}>
        Read me
      </MenuItem>
      <MenuItem
        icon={CodeXml}
        onSelect={() => window.open(`${API_PREFIX}/openapi.json`, "_blank", "noopener")}
      >
        API description
      </MenuItem>
      {storedToken() === null ? null : (
        <>
          <MenuLine />
          <MenuItem
            icon={LogOut}
            onSelect={() => {
              forgetToken();
              queryClient.clear();
              location.reload();
            }}
          >
            Forget the token
          </MenuItem>
        </>
      )}
    </Menu>
  );
}
