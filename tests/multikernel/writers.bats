#!/usr/bin/env bats
# Several kernels that write one memory: what one commits or discards, the others leave; who is taken for dead, and is not, stops writing.
bats_require_minimum_version 1.5.0
load setup

leaving_guest() {
	guest_start
	cat <<'SH'
if ((me == 1)); then
	show main rw
	for name in winner loser aborted; do daxfs-branch create $name --stay -m /mnt/main -p main; done
	umount /mnt/main
	show main ro
	show winner ro
	show loser rw
	yes loser | head -c 1M >/mnt/loser/file
	yes early | head -c 1M >/mnt/loser/early
	exec 7</mnt/loser/file 8>>/mnt/loser/early
	show aborted ro
	reach shown
	await committed
	# Within a second or so, without anything being done here.
	for name in main winner; do until_ok test -e /mnt/$name/won; done
	is_dead() { [[ $(findmnt -nro OPTIONS /mnt/$1) == *branch=$1,discarded* ]]; }
	for name in loser aborted; do
		until_ok is_dead $name
		{ ls /mnt/$name || echo refused; } 2>&1 | tail -n 1 >>/mnt/share/listed.said
	done
	for name in main winner loser aborted; do findmnt -no OPTIONS /mnt/$name; done >/mnt/share/options
	reach left
	await filled
	# Its blocks hold others' bytes by now.
	{ cat <&7 >/mnt/share/bytes || echo refused; } 2>&1 | tail -n 1 >/mnt/share/read.said
	{ echo late >&8 || echo refused; } 2>&1 | tail -n 1 >/mnt/share/written.said
	{ touch /mnt/loser/new || echo refused; } 2>&1 | tail -n 1 >/mnt/share/new.said
	exec 7<&- 8>&-
	reach read
	await unmounted
	daxfs-branch switch main -m /mnt/loser
	cmp /mnt/loser/won /mnt/main/won
	# The other one has taken all that it may take for more; deleting goes on.
	rm /mnt/loser/fill.0
	echo again >/mnt/loser/again
	umount /mnt/main /mnt/winner /mnt/loser /mnt/aborted
else
	await shown
	show winner rw
	echo won >/mnt/winner/won
	daxfs-branch abort aborted -m /mnt/winner
	daxfs-branch commit -m /mnt/winner
	reach committed
	await left
	# It was made for what it committed.
	mount -o remount,rw /mnt/winner
	# All there is, until it is full; what was freed is given out when the other one has left it.
	yes other | head -c 1M >/tmp/other
	for ((i = 0; i < 1000; i++)); do cat /tmp/other >/mnt/winner/fill.$i 2>/dev/null || break; done
	echo $i >/mnt/share/fills
	reach filled
	await read
	umount /mnt/winner
	reach unmounted
fi
SH
}

@test "who shows what another kernel commits shows the parent; what it discards is shown and written no more, and nothing is read that was given back" {
	both leaving_guest -w -D 16M -d "$TOP/kmod/core"
	tail -n 12 "$SHARED"/share/[^g]* "$SHARED"/out.*
	[[ $(grep -o 'branch=.*' "$SHARED/share/options") == $'branch=main\nbranch=main\nbranch=loser,discarded\nbranch=aborted,discarded' ]]
	[[ $(<"$SHARED/share/listed.said") == $'refused\nrefused' ]]
	# Of 16 MiB: so 2 MiB of the loser's were among them.
	(($(<"$SHARED/share/fills") >= 14))
	for name in read written new; do [[ $(<"$SHARED/share/$name.said") == refused ]]; done
	[[ ! -s $SHARED/share/bytes ]]
	fsck.daxfs -n "$SHARED/memory"
	[[ $(daxfsctl inspect "$SHARED/memory" cat /again) == again ]]
}

# The first VM is stopped for longer than a mount may be silent, and goes on with what it was about.
stopped_guest() {
	guest_start
	cat <<'SH'
if ((me == 1)); then
	hostname first-host
	show main rw
	echo one >/mnt/main/one
	sync -f /mnt/main
	reach shown
	# The host stops us here.
	await going
	{ echo lost >/mnt/main/lost || echo refused; } 2>&1 | tail -n 1 >/mnt/share/refused
	until_ok test -e /mnt/main/two
	{ echo lost >>/mnt/main/one || echo refused; } 2>&1 | tail -n 1 >>/mnt/share/refused
	reach tried
	await unmounted
	echo three >>/mnt/main/one
	umount /mnt/main
else
	hostname second-host
	await stopped
	if [[ $FSCK ]]; then
		# It waits for a heartbeat, and finds none.
		fsck.daxfs -p "$region" >/mnt/share/fsck.out 2>&1 || echo $? >/mnt/share/fsck.status
	fi
	show main rw
	echo two >/mnt/main/two
	reach taken
	await tried
	echo two >>/mnt/main/one
	umount /mnt/main
	reach unmounted
fi
SH
}

# The same, but the other one has written and is gone when the first goes on, which writes at once.
passing_guest() {
	guest_start
	cat <<'SH'
if ((me == 1)); then
	show main rw
	echo first >/mnt/main/first
	sync -f /mnt/main
	# Stopped and going on between two heartbeats: the next one would notice.
	read -rt 0.3 <> <(:) || :
	reach shown
	until [[ -e /mnt/share/going ]]; do :; done
	echo late >/mnt/main/late
	umount /mnt/main
else
	await stopped
	show main rw
	for i in {1..50}; do echo $i >/mnt/main/passing.$i; done
	umount /mnt/main
	reach taken
fi
SH
}

# What happens outside of the machines meanwhile.
stop_and_go() {
	local i
	for ((i = 0; i < 900; i++)); do [[ ! -e $SHARED/share/shown ]] || break; sleep 0.1; done
	monitor stop
	: >"$SHARED/share/stopped"
	for ((i = 0; i < 900; i++)); do [[ ! -e $SHARED/share/taken ]] || break; sleep 0.1; done
	: >"$SHARED/share/going"
	monitor cont
}

# monitor COMMAND: to the first VM.
monitor() {
	python3 -c '
import socket, sys

s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
for command in ("", sys.argv[2] + "\n"):
    s.sendall(command.encode())
    seen = b""
    while not seen.endswith(b"(qemu) "):
        seen += s.recv(4096)
' "$SHARED/monitor" "$1"
}

stopped() {
	export FSCK=$1
	stop_and_go 3>&- &
	FIRST_QEMU="-monitor unix:$SHARED/monitor,server=on,wait=off" both stopped_guest -w -D 16M -d "$TOP/kmod/core"
	wait
	tail -n 12 "$SHARED"/share/[^g]* "$SHARED"/out.*
	[[ $(<"$SHARED/share/refused") == $'refused\nrefused' ]]
	grep -q "branch main was taken over by another kernel" "$SHARED/out.1"
	fsck.daxfs -n "$SHARED/memory"
	[[ $(daxfsctl inspect "$SHARED/memory" cat /one) == $'one\ntwo\nthree' ]]
	[[ $(daxfsctl inspect "$SHARED/memory" cat /two) == two ]]
	run ! daxfsctl inspect "$SHARED/memory" stat /lost
}

@test "who stood still, and lost his branch to another kernel, writes no more until he can have it again" {
	stopped ''
}

@test "the same when his mount slot was cleared by fsck" {
	stopped yes
	[[ $(<"$SHARED/share/fsck.status") == 1 ]]
}

@test "what was written by who had the branch meanwhile is there, also to who goes on writing at once" {
	stop_and_go 3>&- &
	FIRST_QEMU="-monitor unix:$SHARED/monitor,server=on,wait=off" both passing_guest -w -D 16M -d "$TOP/kmod/core"
	wait
	tail -n 12 "$SHARED"/out.*
	fsck.daxfs -n "$SHARED/memory"
	for i in {1..50}; do [[ $(daxfsctl inspect "$SHARED/memory" cat "/passing.$i") == "$i" ]]; done
	for name in first late; do [[ $(daxfsctl inspect "$SHARED/memory" cat "/$name") == "$name" ]]; done
}
