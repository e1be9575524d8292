# A machine without racadm: a signed repository behind TLS, as Dell's is, made here and served locally. It is installed only
# when the key is the pinned one and everything is signed by it.
# host: no-racadm
# script: 50-gpuaas-slice-firmware-preflight
# script: 60-gpuaas-slice-firmware-apply

load helpers

SCRIPT=50-gpuaas-slice-firmware-preflight
APPLY=60-gpuaas-slice-firmware-apply
NAME=dell.lab.test
WEB=/srv/dell
TRUSTED=/etc/ssl/certs/ca-certificates.crt

# A repository of one package, signed by a key made here; a certificate by an authority that the machine trusts.
setup_file() {
    [ ! -e "$WEB/ready" ] || { serve; return 0; }
    echo "127.0.0.1 $NAME" >>/etc/hosts
    mkdir -p "$WEB/tls" "$WEB/www/repo/pgp_pubkeys" "$WEB/key"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj '/CN=lab authority' \
        -keyout "$WEB/tls/ca.key" -out "$WEB/tls/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$NAME" -addext "subjectAltName=DNS:$NAME" \
        -keyout "$WEB/tls/server.key" -out "$WEB/tls/server.csr" 2>/dev/null
    openssl x509 -req -in "$WEB/tls/server.csr" -CA "$WEB/tls/ca.crt" -CAkey "$WEB/tls/ca.key" -days 9 -copy_extensions copy \
        -out "$WEB/tls/server.crt" 2>/dev/null
    trust
    make_package srvadmin-idracadm8
    mkdir "$WEB/other"
    make_key "$WEB/key" dell
    make_key "$WEB/other" somebody
    sign "$WEB/key"
    touch "$WEB/ready"
    serve
}

teardown_file() {
    kill "$(cat "$WEB/pid")" 2>/dev/null || true
}

# trust, distrust: the authority is in the list of those that the machine trusts, or not. (update-ca-certificates would
# put the whole list together again.)
trust() {
    [ -e "$WEB/trusted" ] || cp "$TRUSTED" "$WEB/trusted"
    cat "$WEB/trusted" "$WEB/tls/ca.crt" >"$TRUSTED"
}

distrust() {
    cp "$WEB/trusted" "$TRUSTED"
}

# make_package NAME: a package whose racadm is the harness's stand-in.
make_package() {
    local folder=$WEB/package
    rm -rf "$folder"
    mkdir -p "$folder/DEBIAN" "$folder/opt/dell/srvadmin/bin" "$WEB/www/repo/community/openmanage/11010/jammy/pool"
    printf 'Package: %s\nVersion: 11.0.1.0\nArchitecture: all\nMaintainer: lab <lab@example.com>\nDescription: stand-in\n' \
        "$1" >"$folder/DEBIAN/control"
    ln -s /gpuaas/lab/standin.sh "$folder/opt/dell/srvadmin/bin/racadm"
    dpkg-deb --build --root-owner-group "$folder" "$WEB/www/repo/community/openmanage/11010/jammy/pool/$1.deb" >/dev/null
}

make_key() {
    chmod 700 "$1"
    gpg --homedir "$1" --batch --quiet --passphrase '' --quick-generate-key "$2" ed25519 sign never 2>/dev/null
    gpg --homedir "$1" --batch --armor --export >"$1/key.asc"
    gpg --homedir "$1" --batch --with-colons --list-keys | awk -F: '$1 == "fpr" { print $10; exit }' >"$1/fingerprint"
    gpgconf --homedir "$1" --kill all
}

# sign KEY: the lists of the suite jammy, signed by that key, which is also the one that is offered.
sign() {
    local root=$WEB/www/repo/community/openmanage/11010/jammy
    cp "$1/key.asc" "$WEB/www/repo/pgp_pubkeys/key.asc"
    mkdir -p "$root/dists/jammy/main/binary-$(dpkg --print-architecture)"
    (cd "$root" && apt-ftparchive packages pool >"dists/jammy/main/binary-$(dpkg --print-architecture)/Packages" &&
        apt-ftparchive -o APT::FTPArchive::Release::Suite=jammy -o APT::FTPArchive::Release::Codename=jammy \
            -o APT::FTPArchive::Release::Components=main \
            -o "APT::FTPArchive::Release::Architectures=$(dpkg --print-architecture)" release dists/jammy >/tmp/Release &&
        mv /tmp/Release dists/jammy/Release)
    rm -f "$root/dists/jammy/InRelease"
    gpg --homedir "$1" --batch --quiet --clearsign --output "$root/dists/jammy/InRelease" "$root/dists/jammy/Release" 2>/dev/null
    gpgconf --homedir "$1" --kill all
}

serve() {
    (cd "$WEB/www" && exec python3 -c 'import http.server, ssl, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Quiet)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/server.crt", sys.argv[1] + "/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()' "$WEB/tls") >"$WEB/out" 2>/dev/null 3>&- 4>&- &
    echo $! >"$WEB/pid"
    until grep -q ready "$WEB/out"; do sleep 0.05; done
}

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
    mkdir -p /run/gpuaas-lab/commands/racadm
    answer racadm 'get iDRAC.Lockdown' $'[Key=iDRAC.Embedded.1#Lockdown.1]\nSystemLockdown=Disabled'
    answer racadm 'get BIOS.ProcSettings' $'[Key=BIOS.Setup.1-1#ProcSettings]\nLogicalProc=Enabled\nProcVirtualization=Enabled'
    answer racadm 'get BIOS.IntegratedDevices' $'[Key=BIOS.Setup.1-1#IntegratedDevices]\nSriovGlobalEnable=Enabled'
    pinned "$(cat "$WEB/key/fingerprint")"
}

teardown() {
    dpkg --purge srvadmin-idracadm8 >/dev/null 2>&1 || true
    rm -f /etc/apt/sources.list.d/gpuaas-racadm.list /usr/share/keyrings/gpuaas-racadm.gpg
    rm -rf /var/cache/apt/archives/srvadmin* /var/lib/apt/lists/*dell* /usr/local/bin/curl /usr/local/bin/gpg
}

# pinned FINGERPRINT [SED]: the scripts as they are rendered for a class with that fingerprint (and further changed).
pinned() {
    local name path
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE/maas"
    for name in "$SCRIPT" "$APPLY"; do
        path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$name")
        sed -e "s/A\{40\}/$1/" -e "${2:-}" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$name.sh"
        run ! cmp -s "$path" "$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$name.sh"
    done
}

# not_installed DETAIL: WARN with that reason, what stands on racadm is SKIP, and nothing is left in /etc.
not_installed() {
    run_script "$SCRIPT"
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence racadm WARN "$1"
    [[ $(evidence_field racadm remediation) == 'see that the machine reaches the repository and that hardware.racadm is right, '* ]]
    for check in bmc_lockdown bios_settings bios_pending; do
        assert_evidence "$check" SKIP 'stands on racadm, which is WARN'
    done
    [ ! -e /etc/apt/sources.list.d/gpuaas-racadm.list ]
    [ ! -e /usr/share/keyrings/gpuaas-racadm.gpg ]
    run ! dpkg-query -W srvadmin-idracadm8
}

@test "racadm absent: installed from the signed repository, and used" {
    run_script "$SCRIPT"
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence racadm PASS "/opt/dell/srvadmin/bin/racadm, installed now: srvadmin-idracadm8 11.0.1.0, signed by $(cat "$WEB/key/fingerprint")"
    assert_evidence bios_settings PASS
    assert_evidence bmc_lockdown PASS
    [ "$(cat /etc/apt/sources.list.d/gpuaas-racadm.list)" = \
        "deb [signed-by=/usr/share/keyrings/gpuaas-racadm.gpg] https://$NAME/repo/community/openmanage/11010/jammy jammy main" ]
    [ "$(stat -c '%a %U' /usr/share/keyrings/gpuaas-racadm.gpg)" = '644 root' ]
    [ "$(gpg --with-colons --show-keys /usr/share/keyrings/gpuaas-racadm.gpg | grep -c '^pub')" -eq 1 ]
    # again: nothing is fetched
    kill "$(cat "$WEB/pid")"
    run_script "$SCRIPT"
    serve
    assert_evidence racadm PASS /opt/dell/srvadmin/bin/racadm
}

@test "the apply installs it as well, and without a way to get it refuses" {
    kill "$(cat "$WEB/pid")"
    run_script "$APPLY" --apply-bios=true
    serve
    [ "$status" -eq 1 ]
    assert_evidence racadm FAIL 'racadm absent, and not installed: *cannot be fetched*'
    [ "$(evidence_field racadm remediation)" = 'see that the machine reaches the repository and that hardware.racadm is right' ]
    for check in bmc_lockdown bios_read job_queue; do assert_evidence "$check" SKIP 'stands on racadm, which is FAIL'; done
    run_script "$APPLY" --apply-bios=true
    assert_evidence racadm PASS '/opt/dell/srvadmin/bin/racadm, installed now: srvadmin-idracadm8 *'
    assert_evidence bios_read PASS
}

@test "a key with another fingerprint than the pinned one is refused" {
    pinned "$(cat "$WEB/other/fingerprint")"
    not_installed "*has the fingerprint $(cat "$WEB/key/fingerprint"), not the pinned $(cat "$WEB/other/fingerprint")*"
}

@test "a repository that is signed by another key is refused, also where that key is offered beside the pinned one" {
    sign "$WEB/other"
    cat "$WEB/key/key.asc" "$WEB/other/key.asc" >"$WEB/www/repo/pgp_pubkeys/key.asc"
    not_installed '*apt-get update of the repository failed*'
    sign "$WEB/key"
}

@test "a package that is not the signed one is refused" {
    package=$WEB/www/repo/community/openmanage/11010/jammy/pool/srvadmin-idracadm8.deb
    cp "$package" "$BATS_TEST_TMPDIR/package"
    printf 'x' >>"$package"
    not_installed '*apt-get install srvadmin-idracadm8 failed*'
    cp "$BATS_TEST_TMPDIR/package" "$package"
}

@test "no TLS that the machine trusts: refused" {
    distrust
    not_installed '*the key https://dell.lab.test/*cannot be fetched: curl: (60)*'
    trust
}

@test "a key that is no key, a missing key, a missing suite, an absent server, missing commands: each with its reason" {
    echo '<html>' >"$WEB/www/repo/pgp_pubkeys/key.asc"
    not_installed '*is no OpenPGP key*'
    rm "$WEB/www/repo/pgp_pubkeys/key.asc"
    not_installed '*cannot be fetched: curl: (22)*404*'
    cp "$WEB/key/key.asc" "$WEB/www/repo/pgp_pubkeys/key.asc"
    pinned "$(cat "$WEB/key/fingerprint")" 's/11010/930/'
    not_installed '*apt-get update of the repository failed*'
    pinned "$(cat "$WEB/key/fingerprint")" 's/srvadmin-idracadm8/no-such-package/'
    not_installed '*apt-get install no-such-package failed*'
    pinned "$(cat "$WEB/key/fingerprint")" 's/[|]srvadmin-idracadm8[|]/|-|/'
    not_installed '*does not say where it comes from*'
    pinned "$(cat "$WEB/key/fingerprint")"
    kill "$(cat "$WEB/pid")"
    not_installed '*cannot be fetched: curl: (7)*'
    serve
}

@test "racadm that lacks its libraries gets links to them, once" {
    folder=$(dirname "$(ldconfig -p | awk '$1 ~ /^libssl[.]so[.]/ { print $NF; exit }')")
    [ -e "$folder/libssl.so" ] || made="$folder/libssl.so $folder/libcrypto.so"
    answer racadm 'get iDRAC.Lockdown' 'ERROR: RAC1170 : Unable to find the SSL library in the default path.'
    run_script "$SCRIPT"
    assert_evidence racadm PASS
    assert_evidence bmc_lockdown WARN
    [ -e "$folder/libssl.so" ]
    [ -e "$folder/libcrypto.so" ]
    rm -f $made
}
