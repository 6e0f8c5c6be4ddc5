# Completions: the shells themselves are asked what they offer. Needs bash-completion, zsh and fish.
# shellcheck disable=SC2154 # setup.bash sets build and project
load setup.bash

setup_file() {
	load setup.bash
	if command -v cc >/dev/null; then
		local compile=(cc -O1 -std=gnu11 -D_GNU_SOURCE -I"$project/include")
		"${compile[@]}" -shared -fPIC -o "$BATS_FILE_TMPDIR/fake.so" "$project/tests/cli/fake.c"
		"${compile[@]}" -o "$BATS_FILE_TMPDIR/grow" "$project/tests/cli/grow.c" "$project"/kmod/core/*.c
	fi
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir place place/tree "place/a tree" shells
	touch place/image place/tree/leaf
	cp "$project"/completions/* shells/
}

# offers SHELL WORD...: what the shell offers for the last WORD, one per line, sorted. It runs in place/, and finds no program to run but
# those in $programs, a directory.
offers() {
	local shell=$1
	shift
	(cd place && "offers_$shell" "$@" || echo "$shell failed:" "$(<"$BATS_TEST_TMPDIR/err")") | sort -u
}

offers_bash() {
	# shellcheck disable=SC2016 # for the bash within
	env -i LC_ALL="$LC_ALL" HOME="$BATS_TEST_TMPDIR" PROGRAMS="${programs:-}" "$BASH" --norc --noprofile -c '
		PATH=$PROGRAMS
		. /usr/share/bash-completion/bash_completion
		. "$0"
		command=$1
		# As readline does it: these characters are words of their own.
		for word; do
			while [[ $word == *[=:@]* ]]; do
				before=${word%%[=:@]*}
				[[ ! $before ]] || COMP_WORDS+=("$before")
				word=${word#"$before"}
				COMP_WORDS+=("${word:0:1}")
				word=${word:1}
				[[ $word ]] || continue 2
			done
			COMP_WORDS+=("$word")
		done
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMP_LINE="$*" COMP_TYPE=9
		COMP_POINT=${#COMP_LINE}
		how=$(complete -p "${command##*/}") || exit
		[[ $how == *"-F _daxfsctl "* ]] || exit
		compopt() { :; } # it works only where readline called
		_daxfsctl "$command" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
		((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"
	' "$BATS_TEST_TMPDIR/shells/daxfsctl.bash" "$@" 2>"$BATS_TEST_TMPDIR/err"
	[[ ! -s $BATS_TEST_TMPDIR/err ]]
}

# zsh completes on a terminal only: one of zpty, where compadd writes down what it is given.
offers_zsh() {
	cat >"$BATS_TEST_TMPDIR/shells/.zshrc" <<-'END'
		fpath=($ZDOTDIR $fpath)
		autoload -Uz compinit
		compinit -u -d $ZDOTDIR/dump
		zstyle ':completion:*' verbose yes
		zstyle ':completion:*' list-grouped no
		compadd() {
			local -a matches descriptions
			local -i i
			if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
				builtin compadd "$@"
				return
			fi
			(( $@[(I)-d] )) && descriptions=("${(@P)${@[$@[(i)-d]+1]}}")
			builtin compadd -A matches -D descriptions "$@"
			for i in {1..$#matches}; do
				(( $#matches )) && print -r -- "$matches[i]${descriptions[i]:+	$descriptions[i]}" >>$ZDOTDIR/offers
			done
			builtin compadd "$@"
		}
		zle-line-init() {
			BUFFER=$DAXFS_LINE
			CURSOR=$#BUFFER
			PATH=$DAXFS_PROGRAMS
			zle complete-word
			exit
		}
		zle -N zle-line-init
	END
	: >"$BATS_TEST_TMPDIR/shells/offers"
	# shellcheck disable=SC2016 # for the zsh within
	DAXFS_LINE="$*" DAXFS_PROGRAMS=${programs:-} HOME=$BATS_TEST_TMPDIR ZDOTDIR=$BATS_TEST_TMPDIR/shells TERM=dumb zsh -f -c '
		zmodload zsh/zpty
		zpty shell zsh -d -i
		while zpty -r shell line; do print -r -- $line; done
	' >"$BATS_TEST_TMPDIR/terminal" </dev/null
	if grep 'command not found\|_daxfsctl.*:[0-9]*:' "$BATS_TEST_TMPDIR/terminal" >"$BATS_TEST_TMPDIR/err"; then return 1; fi
	if [[ ${described:-} ]]; then
		cat "$BATS_TEST_TMPDIR/shells/offers"
	else
		cut -f 1 "$BATS_TEST_TMPDIR/shells/offers"
	fi
}

offers_fish() {
	# shellcheck disable=SC2016 # for the fish within
	HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR fish --no-config -c '
		source $argv[1]
		set PATH $argv[3..]
		complete -C "$argv[2]"
	' "$BATS_TEST_TMPDIR/shells/daxfsctl.fish" "$*" ${programs:+"$programs"} 2>"$BATS_TEST_TMPDIR/err" |
		if [[ ${described:-} ]]; then cat; else cut -f 1; fi
	[[ ! -s $BATS_TEST_TMPDIR/err ]]
}

# same WANT GOT: WANT is words, GOT lines; the order does not matter.
same() {
	local want
	want=$(tr ' ' '\n' <<<"$1" | sed '/^$/d' | sort -u)
	diff <(echo "$want") <(echo "$2") || {
		echo "(< wanted, > offered)"
		return 1
	}
}

need() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
	[[ $1 != bash || -e /usr/share/bash-completion/bash_completion ]] || skip "bash-completion is not installed"
}

# What --help lists, of one kind: the long options, or the letters.
listed() {
	daxfsctl "$1" --help | sed -n '/^Options:/,$p' | grep -oE -e "$2" | tr -d ' ,' | sort -u
}

verbs() {
	daxfsctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

completes_verbs() {
	need "$1"
	same "$(verbs | xargs)" "$(offers "$1" daxfsctl '')"
	same "mkfs mount" "$(offers "$1" daxfsctl m | grep '^m')"
	same "--help --install --list --version" "$(offers "$1" daxfsctl --)"
	same "$(verbs | xargs)" "$(offers "$1" daxfsctl help '')"
	same "" "$(offers "$1" daxfsctl frobnicate '')"
}

completes_options() {
	local verb

	need "$1"
	for verb in mkfs mount branch inspect fsck list; do
		same "$(listed "$verb" '--[a-z-]+' | xargs)" "$(offers "$1" daxfsctl "$verb" --)"
		same "$(listed "$verb" '^  -[a-zA-Z]' | xargs)" "$(offers "$1" daxfsctl "$verb" - | grep -v '^--')"
	done
	same --help "$(offers "$1" daxfsctl version --)"
	same -s "$(offers "$1" daxfsctl --install -)"
}

completes_links() {
	local link verb

	need "$1"
	for link in $(daxfsctl --list); do
		verb=$("$link" --help | sed -n '1s/^Usage: daxfsctl \([a-z]*\) .*/\1/p')
		same "$(listed "$verb" '--[a-z-]+' | xargs)" "$(offers "$1" "$link" --)"
	done
	same "image tree/" "$(offers "$1" fsck.daxfs '' | slashed)"
}

# Shells differ in whether a directory's name ends in a slash; the one with a blank is for completes_files only.
slashed() {
	sed 's|/$||; /^a\\* tree$/d; s|^tree$|tree/|'
}

completes_files() {
	local before

	need "$1"
	for before in "mkfs" "mkfs -o" "mkfs --output" "mkfs -q -d tree -vo" "mount -o ro" "mount -N" "inspect" "inspect -lb" "fsck -y" "list" "list -o LABEL"; do
		# shellcheck disable=SC2086 # words
		same "image tree/" "$(offers "$1" daxfsctl $before '' | slashed)"
	done
	for before in "mkfs -d" "mkfs -o image --directory" "inspect -C" "mkfs -qm" "mount image" "mount -o ro image" "--install" "--install -s"; do
		# shellcheck disable=SC2086 # words
		same "tree/" "$(offers "$1" daxfsctl $before '' | slashed)"
	done
	offers "$1" daxfsctl mkfs -d '' | grep -q '^a\\* tree'
	same "tree/" "$(offers "$1" daxfsctl mkfs --directory=t | sed 's/^--directory=//' | slashed)"
	same "image" "$(offers "$1" daxfsctl mkfs --output=im | sed 's/^--output=//')"
	# Where nothing is known, nothing is offered; zsh shows the options there.
	for before in "mkfs -s" "mkfs --label" "mkfs -H" "mount -o" "mount image tree" "fsck image" "version"; do
		# shellcheck disable=SC2086 # words
		same "" "$(offers "$1" daxfsctl $before '' | sed '/^-/d')"
	done
}

completes_inspect() {
	local before

	need "$1"
	for before in "daxfsctl inspect" "daxfsctl inspect -b" "daxfs-inspect" "daxfsctl inspect -l --recursive"; do
		# shellcheck disable=SC2086 # words
		same "$subverbs" "$(offers "$1" $before image '')"
	done
	same "$subverbs" "$(offers "$1" daxfsctl inspect phys:0x1000+4K '')"
	same "" "$(offers "$1" daxfsctl inspect image ls '' | sed '/^-/d')"
}

completes_branch() {
	local before

	need "$1"
	for before in "daxfsctl branch" "daxfs-branch" "daxfsctl branch -q" "daxfsctl branch -m tree"; do
		# shellcheck disable=SC2086 # words
		same "$branch_verbs" "$(offers "$1" $before '')"
	done
	same "" "$(offers "$1" daxfsctl branch create '' | sed '/^-/d')"
	same "" "$(offers "$1" daxfsctl branch create -p '' | sed '/^-/d')"
	same "tree/" "$(offers "$1" daxfsctl branch create x -m '' | slashed)"
}

# mounted DIR NAME...: DIR is the root of a daxfs with these branches, as far as a daxfsctl in $programs can tell. Its calls are noted.
mounted() {
	[[ -e $BATS_FILE_TMPDIR/fake.so ]] || skip "no C compiler"
	local dir=$1 name index=0
	shift
	programs=$BATS_TEST_TMPDIR/programs
	mkdir -p "$programs"
	for name; do
		echo "$name $index 1 0 1 0 0 0 -"
		index=$((index + 1))
	done >branches
	cat >"$programs/daxfsctl" <<-END
		#!/bin/sh
		echo "\$*" >>'$BATS_TEST_TMPDIR/calls'
		FAKE_MOUNT='$BATS_TEST_TMPDIR/$dir' FAKE_BRANCHES='$BATS_TEST_TMPDIR/branches' LD_PRELOAD='$BATS_FILE_TMPDIR/fake.so' \\
			ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 exec '$build/daxfsctl' "\$@"
	END
	chmod +x "$programs/daxfsctl"
	: >calls
}

completes_branch_names() {
	local verb words

	need "$1"
	mounted place/tree main feature fix-1
	for verb in show switch diff commit abort rename mount; do
		same "main feature fix-1" "$(offers "$1" daxfsctl branch "$verb" -m tree '' | sed '/^-/d')"
	done
	same "feature fix-1" "$(offers "$1" daxfs-branch switch -m tree f | sed '/^-/d')"
	[[ $(sort -u calls) == "branch list -rno NAME --mount=tree" ]]
	# However the mount is named.
	for words in "-mtree switch" "--mount tree switch" "--mount=tree switch" "-qm tree switch" "switch -m ~/place/tree" "mount --volume tree" \
		"mount --volume=tree" "create x -m place --volume tree -p" "create x -m tree --parent" "create x -m tree -qp"; do
		# shellcheck disable=SC2086 # words
		same "main feature fix-1" "$(offers "$1" daxfsctl branch $words '' | sed '/^-/d')"
	done
	same "feature fix-1" "$(offers "$1" daxfs-branch create x -m tree --parent=f | sed 's/^--parent=//')"
	# Names that are to be given, and what is not a name.
	for words in "create -m tree" "rename -m tree main" "list -m tree" "switch -m tree main"; do
		# shellcheck disable=SC2086 # words
		same "" "$(offers "$1" daxfsctl branch $words '' | sed '/^-/d')"
	done
	same "tree/" "$(offers "$1" daxfsctl branch mount --volume tree main '' | slashed)"
	mounted "place/a tree" main
	same "main" "$(offers "$1" daxfs-branch switch -m 'a\ tree' '' | sed '/^-/d')"
}

# The one that holds the current directory counts where no mount is named; without one nothing is offered, nor said.
completes_branch_names_here() {
	need "$1"
	mounted place main feature
	same "main feature" "$(offers "$1" daxfsctl branch switch '' | sed '/^-/d')"
	[[ $(sort -u calls) == "branch list -rno NAME" ]]
	same "" "$(offers "$1" daxfsctl branch switch -m tree '' | sed '/^-/d')"
	same "" "$(offers "$1" daxfsctl branch switch -m missing '' | sed '/^-/d')"
	mounted elsewhere main
	same "" "$(offers "$1" daxfsctl branch switch '' | sed '/^-/d')"
	rm "$programs/daxfsctl"
	same "" "$(offers "$1" daxfsctl branch switch '' | sed '/^-/d')"
}

# names SHELL LINE: the branches that are offered where LINE ends; of a list of mount options, some shells offer what stands there as well.
names() {
	local words

	read -ra words <<<"$2"
	[[ $2 != *' ' ]] || words+=('')
	offers "$1" "${words[@]}" | sed '/^-[^-]*$/d; /^--[^=]*$/d; s/.*=//'
}

# written FILE: an image that is not mounted, with the branches main, feature and fix-1.
written() {
	mkdaxfs -q -w -D 1M --branches 8 -d place/tree -o "$1"
	"$BATS_FILE_TMPDIR/grow" "$1" feature branch main
	"$BATS_FILE_TMPDIR/grow" "$1" fix-1 branch feature
}

completes_branch_names_of_source() {
	local line

	need "$1"
	mounted place/tree one two
	written place/written
	while read -r line; do
		same "main feature fix-1" "$(names "$1" "daxfsctl ${line%.}")"
	done <<-'END'
		inspect written log .
		inspect written --branch .
		inspect written --branch=
		inspect -lb -C tree ~/place/written log --branch .
		inspect -- "written" log .
		mount written -o branch=
		mount -v written tree -o ro,branch=
		mount -fs ~/place/written -o branch=x,ro,branch=
		mount written --options branch=
		mount written --options=ro,branch=
		branch diff -s written .
		branch diff --source=~/place/written .
		branch create x -m tree/none -swritten -p .
	END
	[[ $(sort -u calls) == *"branch list -rno NAME --source=written" ]]
	cp place/written "place/a tree/copy"
	same "main feature fix-1" "$(offers "$1" daxfsctl inspect 'a\ tree/copy' log '' | sed '/^-/d')"
	same "feature fix-1" "$(names "$1" "daxfs-inspect written log f")"
	same "feature fix-1" "$(names "$1" "daxfs-inspect written --branch=f")"
	same "feature fix-1" "$(names "$1" "mount.daxfs written tree -o ro,branch=f")"
	# A mount point in its place.
	while read -r line; do
		same "one two" "$(names "$1" "daxfsctl ${line%.}")"
	done <<-'END'
		inspect tree log .
		mount tree -o branch=
		mount ~/place/tree -o ro,branch=
		branch diff -s tree .
	END
}

# All that a name may be, as it is written on a line: without quotes. What a shell replaces of the word differs.
completes_any_branch_name() {
	local long

	need "$1"
	long=$(printf 'ü%.0s' {1..63})x
	mounted place/tree main team/grüße @home a+b:1 a+b:2 "$long"
	# As somebody types them in a session of UTF-8.
	same "main team/grüße @home a+b:1 a+b:2 $long" "$(offers "$1" daxfsctl branch switch -m tree '' | sed '/^-/d')"
	same "team/grüße" "$(offers "$1" daxfs-branch switch -m tree team/gr | sed '/^-/d')"
	same "$long" "$(offers "$1" daxfs-branch switch -m tree üüü | sed '/^-/d')"
	same "1 2" "$(offers "$1" daxfs-branch switch -m tree a+b: | sed '/^-/d; s/^a+b://')"
	same "home" "$(offers "$1" daxfs-branch switch -m tree @ | sed '/^-/d; s/^@//')"
	same "1 2" "$(names "$1" "mount.daxfs tree place -o ro,branch=a+b:" | sed 's/^a+b://')"
	same "main" "$(names "$1" "daxfsctl inspect tree --branch=m")"
}

# Nor is anything run: only what is a file or a directory, and cannot be meant for something else, is asked for names.
completes_no_names_of_device() {
	local line source

	need "$1"
	mounted place one two
	written place/written
	for source in phys:0x1000+4K UUID=x LABEL=x; do
		cp place/written "place/$source"
	done
	mkfifo place/fifo
	for source in fifo /dev/null /dev/zero phys:0x1000+4K UUID=x LABEL=x missing; do
		same "" "$(names "$1" "daxfsctl inspect $source log ")"
		same "" "$(names "$1" "daxfsctl inspect $source --branch=")"
		same "" "$(names "$1" "mount.daxfs $source tree -o ro,branch=")"
		same "" "$(names "$1" "daxfsctl branch diff -s $source ")"
	done
	# Where no branch is wanted.
	while read -r line; do
		same "" "$(names "$1" "daxfsctl ${line%.}")"
	done <<-'END'
		inspect --branch=
		inspect --branch .
		inspect written ls .
		inspect written log main .
		mount -o branch=
		mount written -o .
		mount written -o ro,
		mount written -o xbranch=
		mount written -o branch=main,
		mount written -t branch=
	END
	[[ ! -s calls ]]
	# What has none.
	mkdaxfs -q -d place/tree -o place/read-only
	same "" "$(names "$1" "daxfsctl inspect image log ")"
	same "" "$(names "$1" "daxfsctl inspect read-only --branch=")"
	same "" "$(names "$1" "daxfsctl mount tree -o branch=")"
	[[ $(sort -u calls | wc -l) == 3 ]]
}

# The names come from memory that others write, the directory from somebody who has not pressed Enter yet.
runs_nothing_else() {
	need "$1"
	# shellcheck disable=SC2016 # for the shells
	mounted place/tree main '$(>ran)' '`>ran`' ';>ran'
	offers "$1" daxfsctl branch switch -m tree '' | grep -qx main
	# shellcheck disable=SC2016
	offers "$1" daxfsctl branch switch -m '$(>ran)' '' >offered
	# shellcheck disable=SC2016
	offers "$1" daxfsctl branch switch -m '"`>ran`"' '' >>offered
	offers "$1" daxfsctl inspect tree log '' | grep -qx main
	offers "$1" daxfsctl mount tree -o 'ro,branch=' | grep -q 'main$'
	# shellcheck disable=SC2016
	for word in '$(>ran)' '"`>ran`"'; do
		{
			offers "$1" daxfsctl inspect "$word" log ''
			offers "$1" daxfsctl inspect "$word" --branch ''
			offers "$1" daxfsctl branch diff -s "$word" ''
			offers "$1" daxfsctl mount "$word" -o branch=
		} >>offered
		offers "$1" daxfsctl mount tree -o "$word,branch=" >others
	done
	run ! grep -v '^-' offered
	[[ ! $(find . -name ran) ]]
}

subverbs="ls stat cat extents extract log layout"
branch_verbs="create list show switch diff commit abort rename mount"

@test "the committed completions are what daxfsctl generates" {
	for pair in bash:daxfsctl.bash zsh:_daxfsctl fish:daxfsctl.fish; do
		daxfsctl --completions "${pair%%:*}" >generated
		diff -u "$project/completions/${pair#*:}" generated || {
			echo "after a change of verbs or options: make completions"
			return 1
		}
	done
}

@test "--completions takes exactly one shell that it knows" {
	misused 2 daxfsctl --completions
	misused 2 daxfsctl --completions bash zsh
	misused 2 daxfsctl --completions csh
	says '"csh"'
}

@test "the verbs of inspect that are completed are the ones it has" {
	misused 2 daxfsctl inspect image frobnicate
	says "the verbs are $(sed 's/ /, /g; s/, \([a-z]*\)$/ and \1/' <<<"$subverbs")"
	daxfsctl inspect --help | grep -o "SOURCE [a-z].*" | sed "s/^SOURCE //; s/ .*//" | tr "|" "\n" | diff - <(tr " " "\n" <<<"$subverbs")
}

@test "the verbs of branch that are completed are the ones it has" {
	for verb in $branch_verbs; do
		misused 2 daxfsctl branch "$verb" one two three four
		says 'unexpected argument'
	done
}

@test "bash completes verbs" {
	completes_verbs bash
}

@test "bash completes the options of each verb" {
	completes_options bash
}

@test "bash completes the options of each link" {
	completes_links bash
}

@test "bash completes files and directories where they belong, and nothing elsewhere" {
	completes_files bash
}

@test "bash completes the verbs of inspect after its source" {
	completes_inspect bash
}

@test "bash completes a name with a colon without doubling what stands before it" {
	need bash
	touch place/tree/co:lon
	same lon "$(offers bash daxfsctl inspect tree/co:)"
}

@test "bash completes the verbs of branch, and directories where they belong" {
	completes_branch bash
}

@test "bash completes the names of branches where one is wanted, of the mount that is named" {
	completes_branch_names bash
}

@test "bash completes branches of the current directory's daxfs, and without one offers and says nothing" {
	completes_branch_names_here bash
}

@test "bash completes the names of branches of the image or mount point that is the source" {
	completes_branch_names_of_source bash
}

@test "bash completes the names of branches with all that they may have in them" {
	completes_any_branch_name bash
}

@test "bash looks for names in no device, and for none where no branch is wanted" {
	completes_no_names_of_device bash
}

@test "bash runs nothing that is written in a branch's name or on the line" {
	runs_nothing_else bash
}

@test "zsh completes verbs" {
	completes_verbs zsh
}

@test "zsh completes the options of each verb" {
	completes_options zsh
}

@test "zsh completes the options of each link" {
	completes_links zsh
}

@test "zsh completes files and directories where they belong, and nothing elsewhere" {
	completes_files zsh
}

@test "zsh completes the verbs of inspect after its source" {
	completes_inspect zsh
}

@test "zsh completes the verbs of branch, and directories where they belong" {
	completes_branch zsh
}

@test "zsh completes the names of branches where one is wanted, of the mount that is named" {
	completes_branch_names zsh
}

@test "zsh completes branches of the current directory's daxfs, and without one offers and says nothing" {
	completes_branch_names_here zsh
}

@test "zsh completes the names of branches of the image or mount point that is the source" {
	completes_branch_names_of_source zsh
}

@test "zsh completes the names of branches with all that they may have in them" {
	completes_any_branch_name zsh
}

@test "zsh looks for names in no device, and for none where no branch is wanted" {
	completes_no_names_of_device zsh
}

@test "zsh runs nothing that is written in a branch's name or on the line" {
	runs_nothing_else zsh
}

@test "fish completes verbs" {
	completes_verbs fish
}

@test "fish completes the options of each verb" {
	completes_options fish
}

@test "fish completes the options of each link" {
	completes_links fish
}

@test "fish completes files and directories where they belong, and nothing elsewhere" {
	completes_files fish
}

@test "fish completes the verbs of inspect after its source" {
	completes_inspect fish
}

@test "fish completes the verbs of branch, and directories where they belong" {
	completes_branch fish
}

@test "fish completes the names of branches where one is wanted, of the mount that is named" {
	completes_branch_names fish
}

@test "fish completes branches of the current directory's daxfs, and without one offers and says nothing" {
	completes_branch_names_here fish
}

@test "fish completes the names of branches of the image or mount point that is the source" {
	completes_branch_names_of_source fish
}

@test "fish completes the names of branches with all that they may have in them" {
	completes_any_branch_name fish
}

@test "fish looks for names in no device, and for none where no branch is wanted" {
	completes_no_names_of_device fish
}

@test "fish runs nothing that is written in a branch's name or on the line" {
	runs_nothing_else fish
}

@test "zsh and fish show the help of verbs and options" {
	need zsh
	need fish
	described=1
	for shell in zsh fish; do
		offers "$shell" daxfsctl '' | grep -q '^fsck.*Check an image completely\.$'
		offers "$shell" daxfsctl mount '' | grep -q . # files: no help
		offers "$shell" daxfsctl inspect --l | grep -q '^--long.*ls: mode, links, owner, size and time as well$'
		offers "$shell" daxfsctl mkfs --u | grep -q '^--uuid.*UUID of the image (default: random)$'
		offers "$shell" daxfsctl inspect image e | grep -q '^extents.*where the contents are$'
	done
}

@test "make install puts completions where the shells look, under DESTDIR, and uninstall removes them" {
	bash_dir=$(pkg-config --variable=completionsdir bash-completion || echo /opt/x/share/bash-completion/completions)
	# -o: the program under test is built already
	make=(make -s -C "$project" -o daxfsctl BUILD="$build" PREFIX=/opt/x DESTDIR="$BATS_TEST_TMPDIR/root")
	"${make[@]}" install
	for name in daxfsctl $(daxfsctl --list); do
		cmp "root$bash_dir/$name" "$project/completions/daxfsctl.bash"
		cmp "root/opt/x/share/fish/vendor_completions.d/$name.fish" "$project/completions/daxfsctl.fish"
	done
	cmp root/opt/x/share/zsh/site-functions/_daxfsctl "$project/completions/_daxfsctl"
	"${make[@]}" uninstall
	[[ ! $(find root ! -type d) ]]
}
