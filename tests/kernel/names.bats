#!/usr/bin/env bats
# Branches of every name that may be: what is made under a name is found by it in all places that show or take one.
load setup

# 127 bytes, the last ones of one character; a container's id below a folder; what a mail address or a tag may have.
NAMES=("$(printf 'ü%.0s' {1..62})€" "run/$(printf '0123456789abcdef%.0s' {1..4})" "team@host:v1.2+fix_3-x" "名前/ветка")

setup_file() {
	load setup
	mkdir -p /tmp/names
	echo base >/tmp/names/file
	mkdaxfs -f -q -d /tmp/names -o /tmp/names.img -w -D 16M -L "my label"
}

teardown() {
	unmount_all
	sed -i '/daxfs/d' /etc/fstab
}

# A writable mount of main at $MNT, and $OPTS, $SOURCE for other ones.
begin() {
	put phys /tmp/names.img
	mkdir -p "$MNT" /mnt/other
	mount -i -t daxfs -o "$OPTS" "$SOURCE" "$MNT"
}

# shown DIR: the branch that a mount shows, by what the kernel says of it.
shown() {
	local options
	options=$(awk -v dir="$1" '$2 == dir { print $4 }' /proc/self/mounts | tail -n 1)
	[[ $options =~ (^|,)branch=([^,]*) ]] && printf '%b\n' "${BASH_REMATCH[2]}"
}

@test "a branch is created, listed, shown, switched to, renamed, compared and committed by its name" {
	begin
	for name in "${NAMES[@]}"; do
		daxfs-branch create "$name" -m "$MNT" -p main
		[[ $(shown "$MNT") == "$name" ]]
		for locale in C C.UTF-8; do
			LC_ALL=$locale daxfs-branch list -m "$MNT" | grep -F -- "$name "
			[[ $(printf %b "$(LC_ALL=$locale daxfs-branch list -rno NAME -m "$MNT" | tail -n 1)") == "$name" ]]
			LC_ALL=$locale daxfs-branch show -m "$MNT" | grep -F -- "$name"
			LC_ALL=$locale daxfs-branch list -J -m "$MNT" | jq -e --arg name "$name" '.branches[] | select(.name == $name)' >/dev/null
		done
		daxfs-branch switch main -m "$MNT"
		daxfs-branch switch "$name" -m "$MNT"
		echo "$name" >"$MNT/file"
		[[ $(daxfs-branch diff "$name" -m "$MNT") == "M /file" ]]
		daxfs-branch rename "$name" short -m "$MNT"
		[[ $(shown "$MNT") == short ]]
		daxfs-branch rename short "$name" -m "$MNT"
		[[ $(shown "$MNT") == "$name" ]]
		daxfs-branch commit -y -m "$MNT"
		[[ $(shown "$MNT") == main && $(<"$MNT/file") == "$name" ]]
	done
}

@test "a branch is mounted by its name: with the helper, without it, from fstab, with daxfs-branch" {
	begin
	for name in "${NAMES[@]}"; do daxfs-branch create "$name" -m "$MNT" -p main --stay; done
	umount "$MNT"
	for name in "${NAMES[@]}"; do
		for command in "mount -i -t daxfs -o $OPTS,branch=$name none" "daxfsctl mount -o $OPTS,branch=$name none"; do
			$command "$MNT"
			[[ $(shown "$MNT") == "$name" ]]
			findmnt -no OPTIONS "$MNT" | grep -F -- "branch=$name"
			daxfs-branch list -m "$MNT" | grep -F -- "$name" | grep -F "$MNT"
			umount "$MNT"
		done
		# What the kernel shows can be given again, here in a line of fstab(5).
		mount -i -t daxfs -o "$OPTS,branch=$name" none "$MNT"
		awk -v dir="$MNT" '$2 == dir { $2 = "/mnt/other"; print }' /proc/self/mounts >>/etc/fstab
		umount "$MNT"
		mount /mnt/other
		[[ $(shown /mnt/other) == "$name" ]]
		daxfs-branch mount --volume /mnt/other "$name" "$MNT"
		[[ $(shown "$MNT") == "$name" ]]
		unmount_all
		sed -i '/daxfs/d' /etc/fstab
	done
	# The source that is shown of an image with a label: mount -a takes it for what is mounted.
	# shellcheck disable=SC1003 # a backslash
	printf 'daxfs:my\\040label:%s /mnt/other daxfs %s,branch=%s 0 0\n' "${NAMES[0]}" "$OPTS" "${NAMES[0]}" >>/etc/fstab
	mount -a -t daxfs
	mount -a -t daxfs
	[[ $(shown /mnt/other) == "${NAMES[0]}" && $(findmnt -n /mnt/other | wc -l) == 1 ]]
}

@test "a saved image has the names, and inspect, fsck and save find branches by them" {
	begin
	for name in "${NAMES[@]}"; do
		daxfs-branch create "$name" -m "$MNT" -p main
		echo "$name" >"$MNT/file"
		daxfs-branch switch main -m "$MNT"
	done
	daxfs-save -f -q "$MNT" /tmp/names.saved
	umount "$MNT"
	fsck.daxfs -n /tmp/names.saved
	for name in "${NAMES[@]}"; do
		[[ $(daxfs-inspect --branch "$name" /tmp/names.saved cat /file) == "$name" ]]
		daxfs-inspect /tmp/names.saved log "$name" | grep -q .
		LC_ALL=C daxfs-inspect /tmp/names.saved layout | grep -F -- "$name"
		daxfs-save -f -q --flat --branch "$name" /tmp/names.saved /tmp/names.flat
		[[ $(daxfs-inspect /tmp/names.flat cat /file) == "$name" ]]
		rm -rf /tmp/names.out
		fsck.daxfs --extract /tmp/names.out --branch "$name" /tmp/names.saved
		[[ $(</tmp/names.out/file) == "$name" ]]
	done
}

@test "what is no name is refused in words, and of a long one nothing is cut off" {
	begin
	for name in "$(printf 'x%.0s' {1..128})" "$(printf 'ü%.0s' {1..64})" .hidden "a b" $'a\xff' $'a\u202eb' $'a\nb' 'a\b' 'a#b'; do
		run daxfs-branch create "$name" -m "$MNT" -p main
		echo "$output"
		[[ $status != 0 && $output == *name* ]]
		run daxfsctl mount -o "$OPTS,branch=$name" none /mnt/other
		echo "$output"
		[[ $status != 0 && $output == *branch* ]]
		[[ ! $(findmnt -n /mnt/other) ]]
	done
	[[ $(daxfs-branch list -rno NAME -m "$MNT") == main ]]
}
