# Hearthmail for a side-by-side benchmark of mail servers: an adapter in bash
# that defines sv_start, sv_stop, sv_pids, sv_info and sv_disk.  Settings are
# those of a real installation: every commit flushed, sandbox on, each process
# its own user where the service users exist.  HEARTHMAIL names the binary,
# HM_ADDRESS one more address for port 25, HM_MORE more lines of configuration.
: "${HEARTHMAIL:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/cmd/hearthmail}"
HM_CONF="$SV_DIR/hearthmail.yaml"
hm_conf(){ [ -s "$HM_CONF" ] && return; local i
  { echo "hostname: mail.$SV_DOMAIN"; echo "domains: [$SV_DOMAIN]"; echo "data: $SV_DIR/mail"
    echo "tls: { certificate: $SV_CERT, key: $SV_KEY }"
    echo "limits: { connections: 10000, connections_per_peer: 10000${HM_ADDRESS:+, messages_per_hour: 1000000} }"
    echo "relay: { host: 127.0.0.1, port: $SV_SINK_PORT, tls: off }"
    echo "accounts:"; for i in $(seq 1 "$SV_USERS"); do echo "  user$i: { addresses: [user$i@$SV_DOMAIN], send_as: [\"*\"] }"; done
    echo "listen:"; echo "  smtp: [\"127.0.0.1:$SV_PORT_SMTP\"${HM_ADDRESS:+, \"$HM_ADDRESS:$SV_PORT_SMTP\"}]"; echo "  submission: [\"127.0.0.1:$SV_PORT_SUBMISSION\"]"
    echo "  submissions: []"; echo "  imap: [\"127.0.0.1:$SV_PORT_IMAP\"]"; echo "  imaps: [\"127.0.0.1:$SV_PORT_IMAPS\"]"
    echo "  pop3: [\"127.0.0.1:$SV_PORT_POP3\"]"; echo "  pop3s: [\"127.0.0.1:$SV_PORT_POP3S\"]"; echo "${HM_MORE:-}"; } >"$HM_CONF"
  for i in $(seq 1 "$SV_USERS"); do printf '%s\n' "$SV_PASS" | "$HEARTHMAIL" -c "$HM_CONF" passwd "user$i" --stdin --weak >/dev/null; done; }
sv_start(){ hm_conf; "$HEARTHMAIL" -c "$HM_CONF" run >>"$SV_DIR/log" 2>&1 </dev/null & echo $! >"$SV_DIR/pid"; disown; }
sv_stop(){ stop_pid "$SV_DIR/pid" 10; }
sv_pids(){ cat "$SV_DIR/pid" 2>/dev/null; }
sv_reset(){ :; }
sv_info(){ echo "$("$HEARTHMAIL" -V), sandbox on, every commit flushed, Argon2id"; }
sv_disk(){ echo $(( $(stat -Lc %s "$HEARTHMAIL") / 1024 )); }
