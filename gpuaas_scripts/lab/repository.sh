#!/bin/sh
# Runs once inside the new root file system: makes a local apt repository of the packages named as
# arguments with all they need, so that a container without a network can really install them.
# The key that signs it is made here, used once and thrown away; only its public half stays.
set -eu

repository=/srv/gpuaas-apt
keyring=/usr/share/keyrings/gpuaas-lab.gpg

mkdir -p "$repository/pool"
apt-get -q -y -o Dir::Cache::archives="$repository/pool" install --no-install-recommends --download-only --reinstall "$@"
rm -rf "$repository/pool/partial" "$repository/pool/lock"

cd "$repository"
apt-ftparchive packages pool >Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=gpuaas-lab release . >Release.new
mv Release.new Release
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
gpg --batch --quiet --passphrase '' --quick-generate-key 'gpuaas lab (throwaway)' ed25519 sign never
gpg --batch --quiet --clearsign --output InRelease Release
gpg --batch --quiet --export >"$keyring"
gpgconf --kill all
rm -rf "$GNUPGHOME"

# From here on apt knows nothing but the local repository: no mirror, proxy or option of the build machine.
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/99mmdebstrap
printf 'deb [signed-by=%s] file:%s ./\n' "$keyring" "$repository" >/etc/apt/sources.list.d/gpuaas-lab.list
rm -rf /var/lib/apt/lists/*
apt-get -q update
apt-get clean

# Looks for NVMe fabrics of the build machine; in a container it can only fail.
systemctl mask nvmf-autoconnect.service
rm -f /etc/hostname /etc/hosts
: >/etc/machine-id
