# Wrong use of every applet and verb: its exit status, one line that says what is wrong, a second one that shows the way, nothing on
# stdout, and nothing is done. The applet table says what there is, as far as one can ask it.
# shellcheck disable=SC2154 # setup.bash sets build
load setup.bash

setup_file() {
	load setup.bash
	cd "$BATS_FILE_TMPDIR" || return
	mkdir tree dir
	echo hello >tree/hello
	mkdaxfs -q -d tree -o image
	mkdaxfs -q -w -D 1M -d tree -o writable
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	find . -printf '%p %s %T@\n' | sort >"$BATS_TEST_TMPDIR/before"
}

teardown() {
	find . -printf '%p %s %T@\n' | sort | diff "$BATS_TEST_TMPDIR/before" -
}

declare -gA usage=([mkfs]=2 [mount]=1 [branch]=2 [inspect]=2 [fsck]=16 [list]=2 [save]=2 [umount]=1)

# applets: those that have options.
applets() {
	daxfsctl --help | sed -n '/^Verbs:$/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx 'help\|version'
}

# options_of APPLET: its options as --help shows them, one a line: "-o --output COLUMNS".
options_of() {
	daxfsctl "$1" --help | sed -n '/^Options:$/,$s/^  \( *-[^ ].*\)/\1/p' | cut -c 1-26 | tr -d ,
}

# said STATUS TEXT COMMAND...: exits so, with nothing on stdout and the line TEXT on stderr, then the lines in the array more. TEXT and
# these are patterns. In few commands, as there are hundreds of cases.
said() {
	local status=0 lines
	"${@:3}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null || status=$?
	mapfile -t lines <"$BATS_TEST_TMPDIR/err"
	# shellcheck disable=SC2053 # patterns
	if [[ $status != "$1" || -s $BATS_TEST_TMPDIR/out || ${lines[0]} != $2 || ${lines[1]:-} != ${more[0]:-} || ${#lines[@]} -gt 2 ]]; then
		echo "of: ${*:3}"
		echo "exit status $status, expected $1; $2; ${more[0]:-}; stdout and stderr were:"
		cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
		return 1
	fi
}

# wrong APPLET TEXT WORD...: daxfsctl APPLET WORD... is wrong use, and TEXT is what is said of it.
wrong() {
	local more=("Try 'daxfsctl $1 --help'.")
	said "${usage[$1]}" "daxfsctl: $1: *${2//\\/\\\\}*" daxfsctl "$1" "${@:3}"
}

# wrong_alone TEXT WORD...: so is daxfsctl WORD..., without an applet.
wrong_alone() {
	local more=("Try 'daxfsctl --help'.")
	said 2 "daxfsctl: *$1*" daxfsctl "${@:2}"
}

# all_wrong APPLET: so is each line of stdin, "WORD... | TEXT"; the words as the shell takes them.
all_wrong() {
	local line words
	while read -r line; do
		eval "words=(${line%%| *})"
		wrong "$1" "${line#*| }" "${words[@]}"
	done
}

# not_there STATUS: "COMMAND... | TEXT" on each line of stdin is right use of what is not there or is something else; TEXT starts with
# "hint" where a line follows that says what to do.
not_there() {
	local line words more
	while read -r line; do
		eval "words=(${line%%| *})"
		more=()
		[[ $line != *"| hint "* ]] || more=("daxfsctl: *hint: *")
		line=${line#*| }
		said "$1" "daxfsctl: *${line#hint }*" "${words[@]}"
	done
}

@test "an option that there is not is named, alone, among others and in a bundle" {
	for applet in $(applets); do
		wrong "$applet" 'unknown option "--no-such-option"' --no-such-option
		wrong "$applet" 'unknown option "--no-such=option"' image --no-such=option dir
		wrong "$applet" 'unknown option "-~"' -~
		wrong "$applet" 'unknown option "-~"' image -~f dir
		letter=$(options_of "$applet" | awk '!/[A-Z][A-Z]/ && $1 ~ /^-.$/ { print $1; exit }')
		wrong "$applet" 'unknown option "-~"' image "$letter~" dir
		wrong "$applet" 'unknown option "-\xc3"' image -é
	done
}

@test "an option that needs an argument and has none is named by each of its names" {
	for applet in $(applets); do
		while read -ra words; do
			[[ ${words[-1]} != -* ]] || continue
			for name in "${words[@]::${#words[@]}-1}"; do
				wrong "$applet" "option \"$name\" needs an argument" "$name"
			done
			[[ ${words[0]} == --* ]] || wrong "$applet" "option \"${words[0]}\" needs an argument" image dir "${words[0]}"
		done < <(options_of "$applet")
	done
}

@test "an argument of an option that takes none is refused" {
	for applet in $(applets); do
		while read -ra words; do
			[[ ${words[-1]} == --* ]] || continue
			wrong "$applet" "option \"${words[-1]}\" takes no argument" "${words[-1]}=x"
		done < <(options_of "$applet")
	done
	wrong list 'option "--json" takes no argument' image --raw --json=
}

@test "no verb is taken for another that starts like it, is longer, or is in capitals" {
	# of_verb VERB WORD...: nothing like VERB is a verb after the words.
	of_verb() {
		local n verb=$1 more=("Try 'daxfsctl ${2:+$2 }--help'.")
		for ((n = 1; n <= ${#verb} + 1; n++)); do
			like=${verb::n}
			((n < ${#verb})) || like=${verb}s
			((n <= ${#verb})) || like=${verb^}
			said 2 "daxfsctl: *\"$like\"*" daxfsctl "${@:2}" "$like"
		done
	}
	for verb in $(applets) help version; do
		of_verb "$verb"
	done
	wrong_alone '"insp"' help insp
	for verb in create list show switch diff commit abort rename mount; do
		of_verb "$verb" branch
	done
	for verb in ls stat cat extents extract log layout; do
		of_verb "$verb" inspect image
	done
}

@test "the program itself: what comes too much" {
	while IFS='|' read -r words text; do
		# shellcheck disable=SC2086 # words
		wrong_alone "$text" $words
	done <<-END
		--help x|unexpected argument "x"
		-h --version|unexpected argument "--version"
		--version x|unexpected argument "x"
		-V x|unexpected argument "x"
		--list x|unexpected argument "x"
		--install|takes one directory
		--install -s|takes one directory
		--install -x dir|takes one directory
		--install dir dir|takes one directory
		--install -s dir dir|takes one directory
		--completions|takes one shell
		--completions csh|no completions for "csh"
		--completions bash zsh|takes one shell
		--no-such|unknown option "--no-such"
		-Z|unknown option "-Z"
		help mkfs x|one verb at a time
		help nothing|there is no verb "nothing"
		version x|unexpected argument "x"
	END
}

@test "mkfs: operands, and options that do not go together" {
	all_wrong mkfs <<-'END'
		| no directory given
		-d tree | no target given
		-o new | no directory given
		-d tree new other | one target at a time
		-d tree -n new other | one target at a time
		-d tree -o new -o other | there is a target already
		-d tree -o new other | there is a target already
		-d tree -o '' | an empty name
		-d tree '' | -o: an empty name
		-d tree -d dir -o new | given twice
		--tar a --tar b -o new | given twice
		--tar '' -o new | an empty name
		-d tree --tar a -o new | there is a directory already
		-d tree -o new -H heap -m dir | there is a target already
		-d tree -o new -p 0x100000000 -s 16M | there is a target already
		-d tree -H heap | needs -m
		-d tree -p 0x100000000 | needs -s
		-d tree -o - -m dir | standard output cannot be mounted
		-d tree -o new -D 1M | needs -w
		-d tree -o new --branches 5 | needs -w
	END
}

@test "mkfs: sizes, addresses and numbers that overflow, have something behind them or are none" {
	while read -r option right; do
		for value in '' x 0x 1X 16MB 1M1 16.5M ' 16M' '16M ' +1 -- -1 0x1G1 1e6 16m6 ''; do
			wrong mkfs ': not a number' -w -d tree -o new -s 16M -D 1M "$option=$value"
		done
		for value in 18446744073709551616 0x10000000000000000 99999999999999999999 16777216T 17179869184G; do
			wrong mkfs 'number too large' -w -d tree -o new -s 16M -D 1M "$option=$value"
		done
		mkdaxfs -n -w -d tree -s 16M -D 1M "$option=$right" >/dev/null
	done <<-END
		--size 16384k
		--delta 0x200000
		--branches 0x10
	END
	all_wrong mkfs <<-'END'
		-d tree -p 0x1000x -s 1M | not a number
		-d tree -p 18446744073709551616 -s 1M | number too large
		-d tree -p 0x100000800 -s 16M | not a multiple of 4096
		-d tree -p 0xfffffffffffff000 -s 16M | past the end of the address space
		-d tree -o new -s 0 | not a multiple of 4096
		-d tree -o new -s 4097 | not a multiple of 4096
		-d tree -o new -s 8388608T | number too large
		-w -d tree -o new -D 1025K | not a multiple of 4K
		-w -d tree -o new -D 960K | less than 1M
		-w -d tree -o new -D 256T | more than 255T
		-w -d tree -o new --branches 0 | not a number from 1 to 65535
		-w -d tree -o new --branches 64K | not a number from 1 to 65535
		-d tree -o new -U 12345678-9abc-def0-1234-56789abcdef | not a UUID
		-d tree -o new -U 12345678-9abc-def0-1234-56789abcdef01 | not a UUID
		-d tree -o new -L $'a\tb' | no control characters
	END
}

@test "umount: operands and types" {
	all_wrong umount <<-'END'
		| no DIR given
		a b | unexpected argument "b"
		-t ext4 a | the type is daxfs, not "ext4"
	END
	fails 32 daxfsctl umount tree
	says "tree: is not where a daxfs is mounted"
	fails 32 umount.daxfs -f -l -n -r -v -t daxfs.x -N $$ /missing
	says "/missing: is not where a daxfs is mounted"
}

@test "save: operands" {
	all_wrong save <<-'END'
		| no SOURCE given
		image | no FILE given
		image new more | unexpected argument "more"
		image '' | FILE: an empty name
		--branch x image new | needs --flat
	END
}

@test "mount: operands, types and lists of options" {
	all_wrong mount <<-'END'
		| no SOURCE given
		image | no DIR given
		-f image dir more | unexpected argument "more"
		-o remount | no SOURCE given
		-o remount a b c | unexpected argument "c"
		-f -t ext4 image dir | the type is daxfs, not "ext4"
		-f -t daxfsx image dir | the type is daxfs, not "daxfsx"
		-f -t '' image dir | the type is daxfs, not ""
		--write-back -o remount image dir | --write-back goes with no remount
		-f -o 'context="a' image dir | is no list of options
	END
}

@test "fsck: operands, and options that do not go together" {
	all_wrong fsck <<-'END'
		| no SOURCE given
		'' | no SOURCE given
		-n -f | no SOURCE given
		image writable | not "writable" too
		-a '' image '' writable | not "writable" too
		-n -p image | only one of
		-y -a image | only one of
		-y -n image | only one of
		-p --extract new image | --extract changes nothing
		--branch main image | --branch is for --extract
	END
}

@test "list: columns, and forms that exclude each other" {
	all_wrong list <<-'END'
		-o '' image | there is no column ""
		-o SOURCE, image | there is no column ""
		-o SOURCE,,UUID image | there is no column ""
		-o SOURC image | there is no column "SOURC"
		-o SOURCE,SHOE,UUID image | there is no column "SHOE"
		-O -o SOURCE image | exclude each other
		-J -P image | exclude each other
		-J -r image | exclude each other
		-r -P image | exclude each other
	END
}

@test "inspect: operands, and options of other verbs" {
	all_wrong inspect <<-'END'
		| no SOURCE given
		image nothing | cannot "nothing"
		image '' | cannot ""
		image ls / / | unexpected argument "/"
		image stat | stat needs a PATH
		image stat / / | unexpected argument "/"
		image cat | cat needs a PATH
		image cat / / | unexpected argument "/"
		image extents | extents needs a PATH
		image extents / / | unexpected argument "/"
		image extract | extract needs -C DIR
		image extract -C new / / | unexpected argument "/"
		image log main main | unexpected argument "main"
		image layout main | unexpected argument "main"
		--udev | no SOURCE given
		--udev image ls | unexpected argument "ls"
		--udev -J image | --udev goes with no other option
		--udev -b image | --udev goes with no other option
		-l image | takes no --long
		-R image | takes no --recursive
		-C dir image | takes no --directory
		--branch main image | takes no --branch
		image cat /hello -J | cat has no JSON
		image extract -C new -J | extract has no JSON
	END
	while read -r verb operand options; do
		for option in $options; do
			wrong inspect "$verb takes no ${option%=*}" writable "$verb" "$operand" "$option"
		done
	done <<-END
		ls / --directory=dir
		stat / --long --recursive --directory=dir
		cat /hello --long --recursive --directory=dir --bytes
		extents /hello --long --recursive --directory=dir
		extract / --long --recursive --bytes
		log main --long --recursive --directory=dir --branch=main
	END
	wrong inspect 'layout takes no --long' writable layout --long
}

@test "branch: operands, names and options of other verbs" {
	all_wrong branch <<-'END'
		| no verb given
		'' | there is no verb ""
		create | create needs a NAME
		create a b | unexpected argument "b"
		create .a -m dir | cannot be a branch's name
		create a --volume dir | say with -m
		create a -m dir --volume dir -s image | exclude each other
		create a -m dir --stay | --stay needs a DIR
		list a | unexpected argument "a"
		list -o NAM | there is no column "NAM"
		list -o '' | there is no column ""
		list -O -o NAME | exclude each other
		list -J -P | exclude each other
		list -J -r | exclude each other
		list -P -r | exclude each other
		show a b | unexpected argument "b"
		switch | switch needs a NAME
		switch a b | unexpected argument "b"
		diff a b | unexpected argument "b"
		diff --json --stat | exclude each other
		diff -s writable -m dir | exclude each other
		commit a b | unexpected argument "b"
		commit --dry-run --json --stat | exclude each other
		commit --json | commit takes no --json without --dry-run
		commit --stat | commit takes no --stat without --dry-run
		abort a b | unexpected argument "b"
		rename | rename needs an OLD
		rename a | rename needs a NEW
		rename a b c | unexpected argument "c"
		rename a .b | cannot be a branch's name
		mount | mount needs a NAME
		mount a | mount needs a DIR
		mount a dir b | unexpected argument "b"
		mount a dir -m dir | mount takes --volume DIR, not -m
	END
	while read -r verb options; do
		for option in $options; do
			wrong branch "$verb takes no ${option%=*}" "$verb" x y "$option"
		done
	done <<-END
		create --stat --dry-run --to-root --json --output=NAME --output-all --pairs --raw --noheadings --bytes
		list --parent=x --stay --volume=dir --stat --dry-run --to-root --quiet
		show --parent=x --stay --volume=dir --source=image --stat --dry-run --to-root --quiet --output=NAME --output-all --pairs --raw --noheadings
		switch --parent=x --stay --volume=dir --source=image --stat --dry-run --to-root --json --output=NAME --raw --noheadings --bytes
		diff --parent=x --stay --volume=dir --dry-run --to-root --output=NAME --output-all --pairs --raw --noheadings --bytes --quiet
		commit --parent=x --stay --volume=dir --source=image --output=NAME --output-all --pairs --raw --noheadings --bytes
		abort --parent=x --stay --volume=dir --source=image --stat --dry-run --to-root --json --output=NAME --raw --noheadings --bytes
		rename --parent=x --stay --volume=dir --source=image --stat --dry-run --to-root --json --output=NAME --raw --noheadings --bytes
		mount --parent=x --stay --source=image --stat --dry-run --to-root --json --output=NAME --raw --noheadings --bytes
	END
}

@test "what is not there is no wrong use: it is named, with the exit status for that" {
	not_there 1 <<-'END'
		mkdaxfs -d missing -o new | missing: cannot be opened: No such file
		mkdaxfs -d '' -o new | No such file
		mkdaxfs --tar missing -o new | missing: cannot be opened: No such file
		mkdaxfs -d tree -o missing/new | missing/new
		mkdaxfs -d tree -o new -m missing | missing: No such file
		mkdaxfs -d tree -H missing -m dir | hint missing
		daxfsctl inspect image cat / | directory
		daxfsctl inspect phys:4096+1X | phys:ADDR+SIZE
		daxfsctl inspect phys:4096+99999999999999999999 | number too large
		daxfsctl list phys:4096+1X | phys:ADDR+SIZE
	END
	not_there 3 <<-'END'
		daxfsctl inspect missing | missing: No such file
		daxfsctl inspect '' | No such file
		daxfsctl inspect --udev missing | missing: No such file
		daxfsctl inspect image ls /missing | image: /missing: No such file
		daxfsctl inspect image stat /missing | image: /missing: No such file
		daxfsctl inspect image cat /missing | image: /missing: No such file
		daxfsctl inspect image extents /missing | image: /missing: No such file
		daxfsctl inspect image extract -C new /missing | image: /missing: No such file
		daxfsctl inspect writable extract -C new --branch missing | there is no branch "missing"
		daxfsctl inspect writable log missing | there is no branch "missing"
		daxfsctl inspect image log | image: has no branches
		daxfsctl inspect tree/hello layout | no daxfs
		daxfsctl list missing | missing: No such file
		daxfsctl list '' | No such file
		daxfsctl branch list -m missing | missing: No such file
		daxfsctl branch list -s missing | missing: No such file
		daxfsctl branch list -s tree/hello | tree/hello: is no daxfs
		daxfsctl branch show -m tree/hello | Not a directory
		daxfsctl branch create a -m missing | hint missing: No such file
		daxfsctl branch create a -m dir --volume missing | missing: No such file
		daxfsctl branch switch a -m dir | dir: is not where a daxfs is mounted
		daxfsctl branch diff -s missing | missing: No such file
		daxfsctl branch diff missing -s writable | missing: there is no such branch
		daxfsctl branch commit -m dir | dir: is not where a daxfs is mounted
		daxfsctl branch abort -m dir | dir: is not where a daxfs is mounted
		daxfsctl branch rename a b -m dir | dir: is not where a daxfs is mounted
		daxfsctl branch mount a dir --volume missing | missing: No such file
	END
	not_there 4 <<-'END'
		daxfsctl branch diff -s image | no branches
		daxfsctl branch list -s image | no branches
		mkdaxfs -d tree -o image | hint holds a filesystem already
	END
	not_there 8 <<-'END'
		fsck.daxfs missing | missing: No such file
		fsck.daxfs --extract new missing | missing: No such file
		fsck.daxfs tree/hello | no daxfs
		fsck.daxfs phys:4096+1X | phys:ADDR+SIZE
	END
	not_there 32 <<-'END'
		mount.daxfs -f missing dir | missing: No such file
		mount.daxfs -f image missing | missing: cannot be mounted on: No such file
		mount.daxfs -f -N missing image dir | missing: cannot enter this mount namespace
		mount.daxfs -f phys:4096+1X dir | phys:ADDR+SIZE
		mount.daxfs -f phys:4096+99999999999T dir | number too large
	END
}

@test "by each of its names the program is its verb: the same wrong use, the same right one" {
	while read -r link verb; do
		[[ $(readlink -f "$build/$link") == "$build/daxfsctl" ]]
		wrong "$verb" '"--no-such-option"' --no-such-option
		cp "$BATS_TEST_TMPDIR/err" "$BATS_TEST_TMPDIR/want"
		misused "${usage[$verb]}" "$link" --no-such-option
		cmp "$BATS_TEST_TMPDIR/err" "$BATS_TEST_TMPDIR/want"
		# The name is the last part of argv[0], whatever is before it.
		(exec -a "/no/where/$link" daxfsctl --help) | cmp - <(daxfsctl "$verb" --help)
		(exec -a "$link" daxfsctl --help) | cmp - <(daxfsctl "$verb" --help)
		[[ $("$link" --version) == "$(daxfsctl --version)" ]]
		daxfsctl help "$link" | cmp - <(daxfsctl "$verb" --help)
		# A link takes no verb.
		status=0
		"$link" help >"$BATS_TEST_TMPDIR/out" 2>/dev/null || status=$?
		[[ $status != 0 && ! -s $BATS_TEST_TMPDIR/out ]]
	done <<-END
		mkdaxfs mkfs
		mkfs.daxfs mkfs
		mount.daxfs mount
		umount.daxfs umount
		fsck.daxfs fsck
		daxfs-branch branch
		daxfs-inspect inspect
		daxfs-save save
	END
	diff <(daxfsctl --list | sort) <(printf '%s\n' mkdaxfs mkfs.daxfs mount.daxfs umount.daxfs fsck.daxfs daxfs-branch daxfs-inspect daxfs-save | sort)
	# Any other name is that of the program itself.
	(exec -a mkdaxfs2 daxfsctl --help) | cmp - <(daxfsctl --help)
	(exec -a mkdax daxfsctl version) | cmp - <(daxfsctl version)
	(exec -a '' daxfsctl version) | cmp - <(daxfsctl version)
}

@test "by its names it does what they are for" {
	mkdir "$BATS_TEST_TMPDIR/a"
	SOURCE_DATE_EPOCH=1 mkdaxfs -q -d tree -o "$BATS_TEST_TMPDIR/a/one"
	SOURCE_DATE_EPOCH=1 mkfs.daxfs -q -d tree "$BATS_TEST_TMPDIR/a/two"
	SOURCE_DATE_EPOCH=1 daxfsctl mkfs -q -d tree "$BATS_TEST_TMPDIR/a/three"
	cmp "$BATS_TEST_TMPDIR/a/one" "$BATS_TEST_TMPDIR/a/two"
	cmp "$BATS_TEST_TMPDIR/a/one" "$BATS_TEST_TMPDIR/a/three"
	daxfs-inspect image cat /hello | cmp - tree/hello
	fsck.daxfs image | cmp - <(daxfsctl fsck image)
	mount.daxfs -f image dir
	[[ ! $(daxfs-branch diff -s writable) ]]
}
