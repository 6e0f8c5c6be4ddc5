# Manual pages, as far as they can be compared with the program and its source. What is installed and found, install.bats looks at.
# shellcheck disable=SC2154 # setup.bash sets project
load setup.bash

setup() {
	command -v mandoc >/dev/null || skip "mandoc is not installed"
}

# The page as text, without bold and underlined.
page() {
	mandoc -Tascii -Owidth=200 "$project/man/$1" | sed 's/.\x08//g'
}

# section PAGE NAME: the lines of a section.
section() {
	page "$1" | sed -n "/^$2\$/,/^[A-Z]/p" | sed '1d'
}

# The options that stand before their explanations in the section OPTIONS, one a line.
explained() {
	section "$1" OPTIONS | grep -E '^ +-' | grep -oE -e '(^ +|, )-[A-Za-z]|--[a-z-]+' | tr -d ' ,' | sort -u
}

# The options that --help lists, likewise.
listed() {
	daxfsctl "$1" --help | sed -n '/^Options:/,$p' | grep -oE '^  (-[A-Za-z](, )?|    )(--[a-z-]+)?' | grep -oE -e '--[a-z-]+|-[A-Za-z]' | sort -u
}

applets="mkfs:mkdaxfs.8 mount:mount.daxfs.8 branch:daxfs-branch.8 inspect:daxfs-inspect.8 fsck:fsck.daxfs.8 list:daxfs-list.8 save:daxfs-save.8 umount:umount.daxfs.8"

@test "every page passes mandoc -Tlint" {
	# Pages that are not installed yet cannot be found by mandoc.
	mandoc -Tlint -Wwarning "$project"/man/*.[578] 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db' >"$BATS_TEST_TMPDIR/lint" || :
	[[ ! -s $BATS_TEST_TMPDIR/lint ]] || { cat "$BATS_TEST_TMPDIR/lint" && return 1; }
}

@test "every applet has a page, which explains the options that --help lists, and no others" {
	for pair in $applets; do
		diff <(listed "${pair%:*}") <(explained "${pair#*:}") || {
			echo "(< $(tr : ' ' <<<"$pair"): --help, > page)"
			return 1
		}
	done
	# No applet without a page.
	same=$(sed 's/:[^ ]*//g' <<<"$applets" | tr ' ' '\n' | sort)
	diff <(echo "$same") <(daxfsctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx 'help\|version' | sort)
}

@test "the page of the program explains its own options and names every verb" {
	daxfsctl --help | grep -oE -e '^  --[a-z]+' | tr -d ' ' | sort >"$BATS_TEST_TMPDIR/listed"
	# That one is for packagers.
	diff <(sort "$BATS_TEST_TMPDIR/listed" <(echo --completions)) <(explained daxfsctl.8)
	for verb in $(daxfsctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		section daxfsctl.8 SYNOPSIS | grep -q "^ *daxfsctl $verb"
	done
}

@test "the pages of applets with verbs explain each of them" {
	for verb in $(daxfsctl --completions bash | sed -n "s/^\t\tverbs='\(create.*\)'/\1/p"); do
		section daxfs-branch.8 DESCRIPTION | grep -q "^ *$verb\( \|\$\)"
		section daxfs-branch.8 SYNOPSIS | grep -q "daxfs-branch $verb"
	done
	for verb in $(daxfsctl --completions bash | sed -n "s/^\t\tverbs='\(ls.*\)'/\1/p"); do
		section daxfs-inspect.8 DESCRIPTION | grep -q "^ *$verb\( \|\$\)"
		section daxfs-inspect.8 SYNOPSIS | grep -q "\<$verb\>"
	done
}

@test "every page has the headings that are looked for" {
	for name in "$project"/man/*.[58]; do
		for heading in NAME SYNOPSIS DESCRIPTION OPTIONS "EXIT STATUS" FILES EXAMPLES "SEE ALSO"; do
			[[ $heading != "EXIT STATUS" || $name != *.5 ]] || continue
			grep -qx ".Sh $heading" "$name" || {
				echo "${name##*/} has no $heading"
				return 1
			}
		done
	done
}

# What every system call may say of itself, with the meaning that it has everywhere.
usual="E2BIG ECHILD EFBIG EINTR ENODATA ENOMEM ENOTEMPTY ENXIO ERANGE"

@test "daxfs(5) explains each error that the module's source returns, and one that comes from the kernel" {
	# Not of what only programs link: kmod/Kbuild knows.
	local programs
	programs=$(sed -n 's/^sources := $(filter-out \(.*\),.*/\1/p' "$project/kmod/Kbuild" | grep -o '[a-z0-9]*\.c' | sed 's/c$/[ch]/')
	find "$project/kmod" -name '*.[ch]' ! -name '*.mod.c' | grep -v "/\(${programs//$'\n'/\\|}\)\$" |
		xargs grep -ohE -e '-E[A-Z0-9]{2,}\b' | tr -d - | sort -u | grep -vxF "${usual// /$'\n'}" >"$BATS_TEST_TMPDIR/returned"
	echo EXDEV >>"$BATS_TEST_TMPDIR/returned"
	diff <(sort "$BATS_TEST_TMPDIR/returned") <(sed -n 's/^\.It Bq Er \(E[A-Z0-9]*\)$/\1/p' "$project/man/daxfs.5") || {
		echo "(< kmod/, > man/daxfs.5, in order)"
		return 1
	}
}

@test "daxfs(5) explains each mount option that the module takes" {
	for option in $(sed -n 's/^\tfsparam_[a-z]*("\([a-z]*\)".*/\1/p' "$project/kmod/super.c"); do
		section daxfs.5 OPTIONS | grep -qE "^ +(.*, )?$option(=|,|\$| )"
	done
}
