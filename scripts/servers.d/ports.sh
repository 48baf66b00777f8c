# Ports of a set: free ones are chosen at the first start and kept, so that a server that comes back is found again.

# A port that nobody listens on and that no other set of this user holds. By default below the range from which the
# system gives ports to clients.
choose_port() {
    local range=${WALX_PORTS:-20000-31999} port first size tried offset
    first=${range%-*} size=$((${range#*-} - first + 1)) offset=$((RANDOM % size))
    mkdir -p "$cache/ports"
    for ((tried = 0; tried < size; tried++)); do
        port=$((first + (offset + tried) % size))
        ! listening "$port" || continue
        # Left behind by a set that somebody removed by hand.
        [ -d "$(cat "$cache/ports/$port" 2>/dev/null)" ] || rm -f "$cache/ports/$port"
        if (set -C && echo "$run" >"$cache/ports/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    die "no port of $range is free; name others: WALX_PORTS=FIRST-LAST"
}

listening() {
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Chooses a port for each of the names, unless the process has its ports.
give_ports() {
    local process=$1 name number
    shift
    mkdir -p "$run/$process"
    [ ! -e "$run/$process/ports" ] || return 0
    for name in "$@"; do
        number=$(choose_port)
        echo "$name=$number"
    done >"$run/$process/ports.new"
    mv "$run/$process/ports.new" "$run/$process/ports"
}

port() { sed -n "s/^$2=//p" "$run/$1/ports"; }

# The name `proxied` is the port where a test listens, not the server.
check_ports() {
    local name number
    while IFS='=' read -r name number; do
        if [ "$name" != proxy ] && listening "$number"; then
            die "$1 can't start: its port $number ($name) was taken by another process; free it, or let" \
                "'scripts/servers wipe $(server "$1")' choose others"
        fi
    done <"$run/$1/ports"
}

release_ports() {
    local number
    while IFS='=' read -r _ number; do
        rm -f "$cache/ports/$number"
    done < <(cat "$run/$1/ports" "$run/$1/ports.new" 2>/dev/null)
}
