# libvirt: what the domains of this host are and what they name. Only asks. A function returns 1 where libvirt did not answer:
# then nothing is known.

# libvirt_ask ARGUMENT...: one question to the system's libvirt.
libvirt_ask() {
  timeout 60 virsh -q -c qemu:///system "$@"
}

# libvirt_domains [FILTER...]: prints domain names, one a line; FILTER as `virsh list` takes it, such as --all or
# --state-running.
libvirt_domains() {
  local names name
  names=$(libvirt_ask list --name "$@") || return 1
  while IFS= read -r name; do
    case $name in
    *[![:space:]]*) printf '%s\n' "$name" ;;
    *) ;;
    esac
  done <<NAMES
$names
NAMES
}

# libvirt_uses: prints every path and host PCI address that a domain, running or shut off, or a storage pool names, as
# "domain NAME<tab>PATH<tab>-", "domain NAME<tab>pci:0000:3b:00.0<tab>-" or "pool NAME<tab>PATH<tab>-".
libvirt_uses() {
  local names name text kept
  names=$(libvirt_domains --all) || return 1
  while IFS= read -r name; do
    [ -n "$name" ] || continue
    text=$(libvirt_ask dumpxml --domain "$name") || return 1
    kept=$(libvirt_ask dumpxml --domain "$name" --inactive) || return 1
    printf '%s\n' "$text" "$kept" | libvirt_named "domain $name"
  done <<NAMES
$names
NAMES
  names=$(libvirt_ask pool-list --all --name) || return 1
  while IFS= read -r name; do
    name=${name%"${name##*[! ]}"}
    name=${name#"${name%%[! ]*}"}
    [ -n "$name" ] || continue
    text=$(libvirt_ask pool-dumpxml "$name") || return 1
    printf '%s\n' "$text" | libvirt_named "pool $name"
  done <<NAMES
$names
NAMES
}

# libvirt_named WHAT: reads XML and prints the paths and the host's PCI addresses in it. A guest's own addresses have a
# type; the host's, below <source>, have none.
libvirt_named() {
  LIBVIRT_WHAT=$1 awk '
    function told(text) {
      gsub(/&apos;/, "\047", text); gsub(/&quot;/, "\"", text); gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text)
      gsub(/&amp;/, "\\&", text)
      if (!(text in seen)) { seen[text] = 1; print ENVIRON["LIBVIRT_WHAT"] "\t" text "\t-" }
    }
    function digits(name, text, at) {
      at = index(text, name "=\0470x")
      if (at == 0) at = index(text, name "=\"0x")
      text = substr(text, at + length(name) + 4)
      sub(/[^0-9a-fA-F].*/, "", text)
      return tolower(text)
    }
    /<address domain=/ { told("pci:" digits("domain", $0) ":" digits("bus", $0) ":" digits("slot", $0) "." digits("function", $0)) }
    {
      count = split($0, word, /[\047"<>]/)
      for (i = 1; i <= count; i++) if (word[i] ~ /^\//) told(word[i])
    }'
}
