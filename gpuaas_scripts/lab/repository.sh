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

# Units for what no container has or does: hardware, encrypted disks, the initrd, sleep, upkeep by timers. systemd reads all
# units again at each daemon-reload, and tests make hundreds of them.
cd /usr/lib/systemd/system
rm -rf initrd* *hibernate* *suspend* *hybrid-sleep* *sleep.target* *soft-reboot* *kexec* *storagetm* storage-target-mode* \
    *pcr* *tpm2* *sysext* *confext* *rfkill* *backlight* *battery* *bsod* *hwdb* *quota* *growfs* *firstboot* factory-reset* \
    first-boot-complete* *userdb* *homed* *creds* *pstore* *volatile-root* *system-update* *boot-check* *initctl* \
    mdadm* mdcheck* mdmon* xfs_scrub* system-xfs_scrub* e2scrub* nvme* nvmf* dm-event* lvm2* blk-availability* cryptdisks* \
    apt-daily* dpkg-db-backup* fstrim* hwclock* uuidd* x11-common* bluetooth* printer* smartcard* sound* usb-gadget* \
    console-getty* container-getty* debug-shell* pam_namespace* rpcbind* capsule* runlevel*
find /usr/lib/systemd/system /etc/systemd/system -xtype l -delete

rm -f /etc/hostname /etc/hosts
: >/etc/machine-id
