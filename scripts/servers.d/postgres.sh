# PostgreSQL, of the system's packages, with logical replication.

install_postgres() {
    find_postgres && return
    # The package would make and start a server of its own.
    local folder=/etc/postgresql-common/createcluster.d as=() mine=
    [ "$(id -u)" = 0 ] || as=(sudo)
    if [ ! -e $folder/walx.conf ]; then
        mine=yes
        "${as[@]}" mkdir -p $folder
        echo 'create_main_cluster = false' | "${as[@]}" tee $folder/walx.conf >/dev/null
    fi
    apt_install postgresql
    [ -z "$mine" ] || "${as[@]}" rm -f $folder/walx.conf
    find_postgres || die "PostgreSQL was installed, but /usr/lib/postgresql/*/bin/postgres is not there"
}

# Sets `postgres` to the folder of the newest one's programs.
find_postgres() {
    postgres=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1)
    postgres=${postgres%/postgres}
    [ -n "$postgres" ]
}

# PostgreSQL refuses to run as root: then as its own user, whose data can't lie in a folder that only root may enter.
postgres_user() {
    as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid=postgres --regid=postgres --init-groups)
}

prepare_postgres() {
    give_ports postgres plain
    local dir=$run/postgres new as
    postgres_user
    if [ ! -e "$dir/data" ]; then
        if [ "$(id -u)" = 0 ]; then
            new=$(mktemp -d /var/tmp/walx-postgres.XXXXXX)
            chown postgres: "$new"
        else
            new=$dir/data.new
            rm -rf "$new"
            mkdir "$new"
        fi
        (cd / && "${as[@]}" "$postgres/initdb" -D "$new" -U postgres -A trust --no-locale -E UTF8) >>"$dir/log" 2>&1 ||
            died postgres "can't make its data"
        if [ "$(id -u)" = 0 ]; then ln -s "$new" "$dir/data"; else mv "$new" "$dir/data"; fi
    fi
}

run_postgres() {
    local data as
    postgres_user
    data=$(readlink -f data)
    cd /
    exec setsid "${as[@]}" "$postgres/postgres" -D "$data" -p "$(port postgres plain)" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c wal_level=logical -c max_replication_slots=64 -c max_wal_senders=64 \
        -c max_connections=200 -c max_slot_wal_keep_size=-1 -c max_wal_size=4GB -c wal_sender_timeout=30s \
        -c logical_decoding_work_mem=64MB
}

ready_postgres() { "$postgres/pg_isready" -q -h 127.0.0.1 -p "$(port postgres plain)"; }

env_postgres() { echo "export WALX_POSTGRES=postgres://postgres@127.0.0.1:$(port postgres plain)/postgres"; }

wipe_postgres() {
    local data
    data=$(readlink "$run/postgres/data") || return 0
    case $data in /var/tmp/walx-postgres.*) rm -rf "$data" ;; esac
}
