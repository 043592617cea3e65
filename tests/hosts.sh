# Sourced after lib.sh: hosts of their own on one machine, as network namespaces joined by a bridge, so that what crosses
# hosts really crosses a network. Needs root and iproute2.
#
#   make_hosts N; [limit_rate 1gbit;] on_hosts RANKS_PER_HOST command...; (removed when the test ends)
hosts_name=gd$$
host_count=0

need_hosts() {
  [ "$(id -u)" = 0 ] || skip "hosts as network namespaces need root"
  command -v ip >/dev/null || skip "hosts as network namespaces need iproute2"
  ip netns add "$hosts_name-try" 2>/dev/null || skip "this system makes no network namespaces"
  ip netns delete "$hosts_name-try"
}

remove_hosts() {
  local i
  for i in $(seq 0 "$host_count"); do ip netns delete "$hosts_name-$i" 2>/dev/null; done
  rm -rf /etc/netns/"$hosts_name"-*
}

# Host 0 is where mpirun runs; it carries the bridge. Hosts 1 .. N have an address each.
make_hosts() {
  local i
  host_count=$1
  trap 'remove_hosts; rm -rf "$work"' EXIT
  ip netns add "$hosts_name-0"
  ip -n "$hosts_name-0" link set lo up
  ip -n "$hosts_name-0" link add bridge type bridge
  ip -n "$hosts_name-0" addr add 10.213.0.100/24 dev bridge
  ip -n "$hosts_name-0" link set bridge up
  for i in $(seq "$host_count"); do
    ip netns add "$hosts_name-$i"
    ip -n "$hosts_name-$i" link set lo up
    ip link add name eth0 netns "$hosts_name-$i" type veth peer name "port$i" netns "$hosts_name-0"
    ip -n "$hosts_name-0" link set "port$i" master bridge up
    ip -n "$hosts_name-$i" addr add "10.213.0.$i/24" dev eth0
    ip -n "$hosts_name-$i" link set eth0 up
  done
  for i in $(seq 0 "$host_count"); do # ip netns exec puts this file in place of /etc/hosts
    mkdir -p "/etc/netns/$hosts_name-$i"
    { echo 127.0.0.1 localhost; seq "$host_count" | sed "s/.*/10.213.0.& $hosts_name-&/"; } >"/etc/netns/$hosts_name-$i/hosts"
  done
  cat >agent.sh <<'A'
#!/bin/sh
# In place of ssh: agent.sh HOST command...
host=$1
shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"
A
  chmod +x agent.sh
}

# What each host sends, from now on; "none" lifts the limit. The burst is that of a token bucket, not of the link.
limit_rate() {
  local i
  command -v tc >/dev/null || skip "a limited rate needs tc (iproute2)"
  for i in $(seq "$host_count"); do
    tc -n "$hosts_name-$i" qdisc delete dev eth0 root 2>/dev/null
    [ "$1" = none ] && continue
    tc -n "$hosts_name-$i" qdisc add dev eth0 root tbf rate "$1" burst 128kb latency 100ms || skip "tc cannot limit the rate here"
  done
}

on_hosts() {
  local per_host=$1 list
  shift
  list=$(seq "$host_count" | sed "s/.*/$hosts_name-&:$per_host/" | paste -sd,)
  ip netns exec "$hosts_name-0" mpirun --mca plm_rsh_agent "$PWD/agent.sh" --mca plm_rsh_no_tree_spawn 1 --host "$list" \
    --mca btl tcp,self --mca btl_tcp_if_include 10.213.0.0/24 --mca oob_tcp_if_include 10.213.0.0/24 \
    --mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 3 \
    -n $((per_host * host_count)) --oversubscribe --bind-to none -x PATH "$@"
}
