# grubcfg: kernel arguments as grub-mkconfig puts them together. Only looks.

# grubcfg_own FILE: prints the arguments that the file alone asks for, one a line. Returns 1 where it cannot be read as shell.
grubcfg_own() {
  (
    set +u
    GRUB_CMDLINE_LINUX=
    GRUB_CMDLINE_LINUX_DEFAULT=
    # shellcheck source=/dev/null # one of /etc/default/grub.d, or /etc/default/grub
    . "$1" >/dev/null || exit 1 # said, since set -e is off where a caller asks for the status
    # shellcheck disable=SC2086 # words are wanted
    printf '%s\n' $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
  )
}

# grubcfg_words: prints the arguments of a normal boot, one a line: /etc/default/grub, then grub.d in glob order.
grubcfg_words() {
  (
    set +u
    GRUB_CMDLINE_LINUX=
    GRUB_CMDLINE_LINUX_DEFAULT=
    for file in /etc/default/grub /etc/default/grub.d/*.cfg; do
      if [ -e "$file" ]; then
        # shellcheck source=/dev/null # the host's own
        . "$file" >/dev/null || exit 1
      fi
    done
    # shellcheck disable=SC2086 # words are wanted
    printf '%s\n' $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
  )
}

# grubcfg_hand_edits WANTED: prints the arguments in /etc/default/grub itself that have a name of WANTED.
grubcfg_hand_edits() {
  if ! [ -e /etc/default/grub ]; then
    return 0
  fi
  grubcfg_own /etc/default/grub | awk -v wanted="$1" '
    BEGIN { n = split(wanted, words, "\n"); for (i = 1; i <= n; i++) { sub("=.*", "", words[i]); names[words[i]] = 1 } }
    { name = $0; sub("=.*", "", name); if (name in names) print }'
}

# grubcfg_absent WORDS WANTED: prints the lines of WANTED that are no line of WORDS.
grubcfg_absent() {
  local word
  while IFS= read -r word; do
    case "
$1
" in
    *"
$word
"*) ;;
    *) printf '%s\n' "$word" ;;
    esac
  done <<WANTED
$2
WANTED
}

# grubcfg_conflicts WORDS WANTED: prints the lines of WORDS that set another value for a name of WANTED, but those whose name
# stands in WANTED with several values.
grubcfg_conflicts() {
  local word names
  names='
'
  while IFS= read -r word; do
    names="$names${word%%=*}
"
  done <<WANTED
$2
WANTED
  while IFS= read -r word; do
    case $names in
    *"
${word%%=*}
"*) ;;
    *) continue ;;
    esac
    case "
$2
" in
    *"
$word
"*) ;;
    *) printf '%s\n' "$word" ;;
    esac
  done <<WORDS
$1
WORDS
}

# grubcfg_menu: prints the kernel lines of the built grub.cfg, one word a line, of the first entry.
grubcfg_menu() {
  awk '$1 == "linux" || $1 == "linuxefi" { for (i = 3; i <= NF; i++) print $i; exit }' /boot/grub/grub.cfg 2>/dev/null
}
