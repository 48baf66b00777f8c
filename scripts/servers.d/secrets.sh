# Certificates, keys and passwords of the broker, made at its first start and good for nothing else.

# make_secrets DIR: makes DIR/secrets with ca.pem, client.pem, client.key, user, password, guest, guest-password and
# wrong-ca.pem for clients, and DIR/server.pem, the broker's key and chain.
make_secrets() {
    local dir=$1/secrets new=$1/secrets.new
    [ ! -d "$dir" ] || return 0
    rm -rf "$new"
    mkdir -p "$new"
    authority "$new" ca "walx test authority"
    authority "$new" wrong-ca "somebody else's authority"
    certificate "$new" server "walx test broker" "subjectAltName=IP:127.0.0.1,DNS:localhost"
    certificate "$new" client walx-client "extendedKeyUsage=clientAuth"
    cat "$new/server.key" "$new/server.crt" "$new/ca.pem" >"$1/server.pem"
    mv "$new/client.crt" "$new/client.pem"
    rm -f "$new"/ca.key "$new"/wrong-ca.key "$new"/server.key "$new"/server.crt "$new"/*.csr "$new"/*.srl
    local name
    for name in user guest; do
        printf %s "walx-$name" >"$new/$name"
    done
    for name in password guest-password; do
        printf %s "$(openssl rand -hex 16)" >"$new/$name"
    done
    mv -T "$new" "$dir"
}

authority() {
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=$3" -keyout "$1/$2.key" -out "$1/$2.pem"
}

certificate() {
    quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -subj "/CN=$3" -keyout "$1/$2.key" -out "$1/$2.csr"
    quietly openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 3650 \
        -extfile <(echo "$4") -out "$1/$2.crt"
}
