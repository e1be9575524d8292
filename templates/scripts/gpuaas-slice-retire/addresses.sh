# The fabric and RShim addresses of slice mode.

# talks ADDRESS: prints the established connections of the host's ADDRESS (with its prefix length).
talks() {
  local found
  found=$(timeout 30 ss -H -n -t -u state established src "${1%/*}") || found='? ? ? ? unknown'
  printf '%s\n' "$found" | awk -v address="${1%/*}" 'NF { print address " talks with " $NF }'
}

# carried ADDRESSES: prints those of "INTERFACE ADDRESS" that the interface has.
carried() {
  local name address found
  printf '%s\n' "$1" | while read -r name address; do
    [ -n "$name" ] && [ -e "/sys/class/net/$name" ] || continue
    found=$(ip -4 -o address show dev "$name") || found="? ? ? $address"
    printf '%s\n' "$found" | awk -v name="$name" -v address="$address" '$4 == address { print address " on " name }'
  done
}

# take_away ADDRESSES: takes them from their interfaces; with the last one of an interface go its routes.
take_away() {
  local name address
  carried "$1" | while read -r address _ name; do
    step_try timeout 30 ip address del "$address" dev "$name"
  done
}

# ipoib_addresses FILE: prints "INTERFACE ADDRESS" of each address in FILE, which is gpuaas-gen's own; without those of
# interfaces that another netplan file names.
ipoib_addresses() {
  awk '
    /^    [^ ].*:$/ { name = $1; sub(/:$/, "", name) }
    /^        - / && listed { gsub(/"/, "", $2); print name, $2 }
    /^      [^ ]/ { listed = ($1 == "addresses:") }' "$1" | while read -r name address; do
    others=$(grep -l -s -F -w -e "$name" /etc/netplan/*.yaml | grep -v -F -x "$NETPLAN_FILE") || others=
    [ -n "$others" ] || printf '%s %s\n' "$name" "$address"
  done
}

# ipoib_left ADDRESSES: prints what is left of the fabric network: the file, the addresses, and what netplan made of them.
ipoib_left() {
  local name
  [ ! -e "$NETPLAN_FILE" ] || printf '%s\n' "$NETPLAN_FILE"
  carried "$1"
  printf '%s\n' "$1" | while read -r name _; do
    if [ -e "/run/systemd/network/10-netplan-$name.network" ]; then
      printf '%s\n' "/run/systemd/network/10-netplan-$name.network"
    fi
  done
}

# ipoib_busy ADDRESSES: prints why they cannot go.
ipoib_busy() {
  local name address routes
  routes=$(ip -o route show default) || printf 'the default route cannot be read\n'
  printf '%s\n' "$1" | while read -r name address; do
    [ -n "$name" ] || continue
    talks "$address"
    printf '%s\n' "$routes" | awk -v name="$name" '
      { for (i = 1; i < NF; i++) if ($i == "dev" && $(i + 1) == name) print "the default route leaves by " name }'
  done
}

# ipoib_remove ADDRESSES: not by "netplan apply", which would touch all other links.
ipoib_remove() {
  take_away "$1"
  if [ -e "$NETPLAN_FILE" ]; then
    put_away "$NETPLAN_FILE" || return 0
  fi
  step_try timeout 60 netplan generate
  step_try timeout 30 networkctl reload
}

# ipoib_step: the file goes where it was rendered for another profile than bare metal, and its addresses with it.
ipoib_step() {
  local profile file addresses left busy
  profile=$(absent_rendered_for "$NETPLAN_FILE")
  file=$(put_away_file "$NETPLAN_FILE")
  if [ -z "$file" ]; then
    step_pass ipoib "there is no $NETPLAN_FILE"
    return 0
  elif [ -e "$NETPLAN_FILE" ] && { [ -z "$profile" ] || [ "$profile" = baremetal ]; }; then
    step_skip ipoib "$NETPLAN_FILE stays: it is ${profile:+that of profile }${profile:-not from gpuaas-gen}"
    return 0
  fi
  addresses=$(ipoib_addresses "$file")
  left=$(ipoib_left "$addresses" | one_line)
  if [ -n "$left" ]; then
    busy=$(ipoib_busy "$addresses" | one_line)
    if [ -n "$busy" ]; then
      step_fail ipoib "the fabric address is in use: $busy" 'end these connections (mounts, logins), or lead the route elsewhere'
      return 0
    fi
    if step_dry ipoib "put or take away: $left"; then
      return 0
    fi
    ipoib_remove "$addresses"
    left=$(ipoib_left "$addresses" | one_line)
  fi
  if [ -n "$left" ]; then
    step_fail ipoib "still there: $left" 'look at: networkctl status; is the file system read-only, or does something else set the address?'
  else
    step_pass ipoib "the fabric address of slice mode is gone; its netplan file is in $RETIRED"
  fi
}

# tmfifo_addresses: prints "INTERFACE ADDRESS" of every card.
tmfifo_addresses() {
  printf '%s|%s\n%s\n' "$TMFIFO_INTERFACE" "${TMFIFO_ADDRESS:--}" "$TMFIFO_MORE" |
    awk -F '|' '$2 != "-" && NF > 1 { print $1, $2 }'
}

# tmfifo_step: the addresses that the network baseline gave, unless the host's own configuration gives them too.
tmfifo_step() {
  local all ours left busy name address
  all=$(tmfifo_addresses)
  ours=$(printf '%s\n' "$all" | while read -r name address; do
    busy=$(absent_configured "${name:-none}")
    [ -n "$busy" ] || printf '%s %s\n' "$name" "$address"
  done)
  left=$(carried "$ours" | one_line)
  if [ -n "$left" ]; then
    busy=$(printf '%s\n' "$ours" | while read -r _ address; do
      talks "$address"
    done | one_line)
    if [ -n "$busy" ]; then
      step_fail tmfifo "the RShim address is in use: $busy" 'end these connections (logins to the DPU)'
      return 0
    fi
    if step_dry tmfifo "take away $left"; then
      return 0
    fi
    take_away "$ours"
    left=$(carried "$ours" | one_line)
  fi
  if [ -n "$left" ]; then
    step_fail tmfifo "still there: $left" 'look at: ip address show; what else sets the address?'
  elif [ "$ours" != "$all" ]; then
    step_skip tmfifo "the host's own network configuration sets the RShim addresses; they stay"
  else
    step_pass tmfifo 'the RShim interfaces have no address of slice mode'
  fi
}
