#!/usr/bin/env bats
# What one kernel has done is seen by the next call of another one.
bats_require_minimum_version 1.5.0
load setup

# Each writes a branch, and looks at the other one's.
following_guest() {
	guest_start
	echo "rounds=${DAXFS_FOLLOW_ROUNDS:-400} seed=${DAXFS_SEED:-1}"
	cat <<'SH'
if ((me == 1)); then
	show main rw
	for name in first second; do daxfs-branch create $name --stay -m /mnt/main -p main; done
	umount /mnt/main
	reach made
	show first rw
	show second ro
	build/kernel/follow /mnt/first /mnt/second 1 $rounds $seed >/mnt/share/saw.1 2>&1 || { cat /mnt/share/saw.1; false; }
else
	await made
	show second rw
	show first ro
	build/kernel/follow /mnt/second /mnt/first 2 $rounds $seed >/mnt/share/saw.2 2>&1 || { cat /mnt/share/saw.2; false; }
fi
umount /mnt/first /mnt/second
SH
}

@test "what a call of one kernel did when it returned, the next call of the other one sees: names, inodes, lists, bytes, ends of open files" {
	"$TOP/tests/kernel/prepare" programs
	both following_guest -w -D 64M -d "$TOP/kmod/core"
	tail -n 12 "$SHARED"/share/saw.*
	for i in 1 2; do [[ $(tail -n 1 "$SHARED/share/saw.$i") == *' calls looked, 0 did not see it' ]]; done
	fsck.daxfs -n "$SHARED/memory"
}

# The first one commits to main, which the second one shows.
committing_guest() {
	guest_start
	cat <<'SH'
if ((me == 1)); then
	show main rw
	reach made
	await shown
	for i in {1..20}; do
		daxfs-branch create round -m /mnt/main -p main
		echo $i >/mnt/main/file.$i
		daxfs-branch commit -y -m /mnt/main
		reach committed.$i
		await looked.$i
	done
else
	await made
	show main ro
	ls /mnt/main >/dev/null
	reach shown
	for i in {1..20}; do
		await committed.$i
		[[ $(cat /mnt/main/file.$i) == $i ]] || echo "file.$i" >>/mnt/share/missed
		reach looked.$i
	done
fi
umount /mnt/main
SH
}

@test "what one kernel committed, the next call of another one sees" {
	both committing_guest -w -D 16M -d "$TOP/kmod/core"
	[[ ! -e $SHARED/share/missed ]]
	fsck.daxfs -n "$SHARED/memory"
}

# The first one makes and removes files in an area that is small for them, the second one reads them.
churning_guest() {
	guest_start
	cat <<'SH'
if ((me == 1)); then
	show main rw
	reach made
	await shown
	build/kernel/churn write /mnt/main 20 >/mnt/share/wrote
	reach written
else
	await made
	show main ro
	reach shown
	build/kernel/churn read /mnt/main 18 >/mnt/share/saw || { cat /mnt/share/saw; false; }
fi
umount /mnt/main
SH
}

@test "what one kernel gives up is no other file's while another kernel reads it, or has it mapped" {
	"$TOP/tests/kernel/prepare" programs
	both churning_guest -w -D 8M -d "$TOP/kmod/core"
	tail "$SHARED/share/saw" "$SHARED/share/wrote"
	fsck.daxfs -n "$SHARED/memory"
}
