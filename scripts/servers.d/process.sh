# Processes of a set: started apart from the shell that asks, found again by pid *and* start time, so that a pid that
# something else has got since is left alone.

launched=()

# The time at which a process began, in ticks since boot; fails where there is none, or only a zombie.
start_time() {
    local stat tasks
    [ -n "$1" ] || return 1
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The second field is the program's name and may hold anything.
    read -ra stat <<<"${stat##*) }"
    if [ "${stat[0]}" = Z ]; then
        # The first thread may be gone while others still hold the ports.
        tasks=(/proc/"$1"/task/*)
        [ ${#tasks[@]} -gt 1 ] || return 1
    fi
    echo "${stat[19]}"
}

pid_of() { cut -d' ' -f1 "$run/$1/pid" 2>/dev/null; }

alive() {
    local pid start booted
    { read -r pid start booted <"$run/$1/pid"; } 2>/dev/null || return 1
    [ "$booted" = "$(</proc/sys/kernel/random/boot_id)" ] && [ "$(start_time "$pid")" = "$start" ]
}

# Alive, and stopped by SIGSTOP.
paused() { alive "$1" && grep -q '^State:.T' "/proc/$(pid_of "$1")/status" 2>/dev/null; }

# The process and what it started. PostgreSQL has children.
family() {
    local pid
    pid=$(pid_of "$1")
    echo "$pid" "$(cat "/proc/$pid/task"/*/children 2>/dev/null)"
}

# In MiB. What processes share, as PostgreSQL's do, is counted once.
memory() {
    local pid all=()
    for pid in $(family "$1"); do all+=("/proc/$pid/smaps_rollup"); done
    cat "${all[@]}" 2>/dev/null | awk '/^Pss:/ { sum += $2 } END { print int(sum / 1024) }'
}

# Starts a process in a session of its own, so that a Ctrl-C at the script isn't meant for it.
launch() {
    local name=$1 dir=$run/$1 kind pid
    kind=$(server "$name")
    check_ports "$name"
    echo "== $(date -u +%FT%TZ) start" >>"$dir/log"
    # run_kafka and the like end in `exec setsid`, so that the pid is the server's own.
    (cd "$dir" && "run_${kind%3}" "$name") 9>&- </dev/null >>"$dir/log" 2>&1 &
    pid=$!
    launched+=("$name")
    echo "$pid $(start_time "$pid" || echo 0) $(</proc/sys/kernel/random/boot_id)" >"$dir/pid.new"
    mv "$dir/pid.new" "$dir/pid"
}

# Asks each to end, waits, and insists after 20 s.
end_processes() {
    local name left=() deadline
    for name in "$@"; do
        alive "$name" || continue
        left+=("$name")
        kill "-$(stop_signal "$name")" "$(pid_of "$name")" 2>/dev/null || true
        resume_process "$name"
    done
    deadline=$((SECONDS + 20))
    for name in "${left[@]}"; do
        while alive "$name"; do
            if [ $SECONDS -ge $deadline ]; then kill_process "$name"; fi
            sleep 0.05
        done
    done
}

# A postmaster that is asked by TERM waits for its clients; by INT it ends now, cleanly.
stop_signal() { if [ "$1" = postgres ]; then echo INT; else echo TERM; fi; }

# The parent first: a postmaster would start its children anew.
kill_process() {
    alive "$1" || return 0
    local pid all
    read -ra all <<<"$(family "$1")"
    for pid in "${all[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    while alive "$1"; do sleep 0.02; done
}

pause_process() { signal_family "$1" STOP; }

resume_process() { signal_family "$1" CONT; }

signal_family() {
    alive "$1" || die "$1 doesn't run: scripts/servers start $(server "$1")"
    local pid
    for pid in $(family "$1"); do kill "-$2" "$pid" 2>/dev/null || true; done
}

# Wipes the set when the process has ended: a test that is killed can't.
watch() {
    local begun
    begun="$1 $(start_time "$1")"
    ! owned_by "$begun" || return 0
    echo "$begun" >"$run/owner"
    (
        trap '' HUP INT
        while owned_by "$begun" && [ "$1 $(start_time "$1")" = "$begun" ]; do sleep 1; done
        if owned_by "$begun"; then
            WALX_SERVERS=$run "$here/servers" wipe
            rm -f "$run/lock"
            rmdir "$run/sets" "$run"
        fi
    ) 9>&- </dev/null >/dev/null 2>&1 &
}

owned_by() { [ "$({ echo "$(<"$run/owner")"; } 2>/dev/null)" = "$1" ]; }

# Waits until a server, or one process of it, answers.
await_ready() {
    local name=$1 kind process begin=$SECONDS
    kind=$(server "$name")
    until "ready_${kind%3}" "$name"; do
        for process in $(processes "$name"); do
            alive "$process" || died "$process" "ended"
        done
        [ $((SECONDS - begin)) -lt 180 ] || died "$process" "doesn't answer after 180 s"
        sleep 0.1
    done
}

died() {
    echo "scripts/servers: $1 $2; the end of its log, $run/$1/log:" >&2
    tail -n 25 "$run/$1/log" >&2
    exit 1
}
