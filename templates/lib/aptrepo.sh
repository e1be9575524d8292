# aptrepo: one package from a signed repository of somebody else, on a machine that does not know the repository yet. The
# signing key is fetched over TLS and must have the pinned fingerprint; it is good for this repository only.

# aptrepo_install NAME REPOSITORY SUITE KEY_URL FINGERPRINT PACKAGE: SUITE is "path suite component...", its path below
# REPOSITORY. Sets aptrepo_problem and returns 1 where anything is not as it should be; what this wrote to /etc is taken
# away then. Waits two minutes for another apt.
aptrepo_install() {
  local folder status list keyring
  aptrepo_problem=
  list=/etc/apt/sources.list.d/$1.list
  keyring=/usr/share/keyrings/$1.gpg
  aptrepo_can || return 1
  folder=$(mktemp -d) || {
    aptrepo_problem='no temporary folder can be made: is the disk full?'
    return 1
  }
  status=0
  aptrepo_key "$folder" "$4" "$5" && aptrepo_source "$folder" "$keyring" "$list" "$2" "$3" &&
    aptrepo_update "$list" && aptrepo_package "$6" || status=1
  rm -rf "$folder"
  if [ "$status" -ne 0 ]; then
    rm -f "$list" "$keyring"
  fi
  return "$status"
}

# aptrepo_can: the commands are there.
aptrepo_can() {
  local name missing
  missing=
  for name in apt-get curl dpkg-query gpg install mktemp; do
    command -v "$name" >/dev/null 2>&1 || missing="$missing $name"
  done
  if [ -n "$missing" ]; then
    aptrepo_problem="missing commands:$missing"
    return 1
  fi
}

# aptrepo_key FOLDER URL FINGERPRINT: fetches the key into FOLDER/keyring.gpg. Nothing but this one key goes in.
aptrepo_key() {
  local listing line found
  if ! timeout 120 curl --silent --show-error --fail --location --proto '=https' --proto-redir '=https' --tlsv1.2 \
    --connect-timeout 15 --max-filesize 1000000 --output "$1/key" "$2" 2>"$1/said"; then
    line=
    read -r line <"$1/said" || :
    aptrepo_problem="the key $2 cannot be fetched: ${line:-curl failed}"
    return 1
  fi
  mkdir -m 700 "$1/gnupg"
  if ! listing=$(timeout 60 gpg --batch --homedir "$1/gnupg" --with-colons --show-keys "$1/key" 2>/dev/null); then
    aptrepo_problem="what $2 gives is no OpenPGP key"
    return 1
  fi
  found=$(printf '%s\n' "$listing" | awk -F: '$1 == "pub" { primary = 1 } $1 == "sub" { primary = 0 }
    $1 == "fpr" && primary { print $10; primary = 0 }')
  case "
$found
" in
  *"
$3
"*) ;;
  *)
    aptrepo_problem="the key of $2 has the fingerprint ${found:-none}, not the pinned $3"
    return 1
    ;;
  esac
  timeout 60 gpg --batch --quiet --homedir "$1/gnupg" --import "$1/key" 2>/dev/null &&
    timeout 60 gpg --batch --quiet --homedir "$1/gnupg" --export "$3" >"$1/keyring.gpg" && [ -s "$1/keyring.gpg" ] || {
    aptrepo_problem="the key of $2 cannot be taken over by gpg"
    return 1
  }
}

# aptrepo_source FOLDER KEYRING LIST REPOSITORY SUITE
aptrepo_source() {
  printf 'deb [signed-by=%s] %s/%s\n' "$2" "${4%/}" "$5" >"$1/list"
  if ! install -m 0644 "$1/keyring.gpg" "$2" || ! install -m 0644 "$1/list" "$3"; then
    aptrepo_problem="cannot write $2 and $3: is the file system full or read-only?"
    return 1
  fi
}

# aptrepo_update LIST: the package lists of this repository only. apt itself calls an update that failed a success.
aptrepo_update() {
  local tries said
  tries=0
  while :; do
    if said=$(timeout 300 apt-get -q -o "Dir::Etc::sourcelist=$1" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 \
      -o APT::Update::Error-Mode=any -o Acquire::AllowInsecureRepositories=false -o Acquire::Retries=2 update 2>&1); then
      return 0
    fi
    tries=$((tries + 1))
    case $said in
    *'Could not get lock'*)
      if [ "$tries" -lt 24 ]; then
        sleep 5
        continue
      fi
      ;;
    *) ;;
    esac
    aptrepo_problem="apt-get update of the repository failed: $(printf '%s\n' "$said" | awk '/^(E|Err|W):/ || /^  /' | head -n 4)"
    return 1
  done
}

# aptrepo_package PACKAGE: with what it needs from the distribution, whose lists may have to be fetched first.
aptrepo_package() {
  local said
  said=$(aptrepo_get install "$1") || {
    timeout 300 apt-get -q update >&2 || :
    said=$(aptrepo_get install "$1") || {
      aptrepo_problem="apt-get install $1 failed: $(printf '%s\n' "$said" | awk '/^E:/' | head -n 3)"
      return 1
    }
  }
  said=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null) || said=none
  case $said in
  'ii '*) aptrepo_version=${said#ii } ;;
  *)
    aptrepo_problem="$1 is not installed, though apt-get said so"
    return 1
    ;;
  esac
}

# aptrepo_get install PACKAGE
aptrepo_get() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a timeout 600 apt-get -q -y -o DPkg::Lock::Timeout=120 \
    -o APT::Get::AllowUnauthenticated=false "$1" --no-install-recommends "$2" 2>&1
}
