# SPDX-License-Identifier: GPL-2.0-only
# Generated from the applet table by `make completions`; edits here are lost.
# shellcheck shell=bash disable=SC2034,SC2154 # bash-completion sets and reads these

# What the table says of a verb, or of a word after it: into variables of the caller.
_daxfsctl_row()
{
	case $1 in
	mkfs)
		options='-d --directory --tar -o --output -H --heap -p --phys -s --size -m --mount -w --writable -D --delta --branches -L --label -U --uuid -n --dry-run -f --force -F -q --quiet -v --verbose --no-pack --all-root --exclude -h --help'
		valued=' -d=directory --directory=directory --tar=file -o=file --output=file -H=nothing --heap=nothing -p=nothing --phys=nothing -s=nothing --size=nothing -m=directory --mount=directory -D=nothing --delta=nothing --branches=nothing -L=nothing --label=nothing -U=nothing --uuid=nothing --exclude=nothing '
		operands+=(file)
		;;
	mount)
		options='-o --options -t --types -f --fake -s --sloppy -n --no-mtab -N --namespace -v --verbose --write-back -h --help'
		valued=' -o=list --options=list -t=nothing --types=nothing -N=file --namespace=file '
		operands+=(source directory)
		;;
	umount)
		options='-f --force -l --lazy -n --no-mtab -r --read-only -v --verbose -N --namespace -t --types -h --help'
		valued=' -N=file --namespace=file -t=nothing --types=nothing '
		operands+=(directory)
		;;
	branch)
		options='-m --mount -p --parent --stay --volume -s --source --stat --dry-run --to-root -J --json -o --output -O --output-all -P --pairs -r --raw -n --noheadings -b --bytes -y --yes -q --quiet -h --help'
		valued=' -m=mount --mount=mount -p=branch --parent=branch --volume=mount -s=source --source=source -o=nothing --output=nothing '
		operands+=(word)
		here=1
		verbs='create list show switch diff commit abort rename mount'
		;;
	'branch create')
		operands+=(nothing)
		;;
	'branch show' | 'branch switch' | 'branch diff' | 'branch commit' | 'branch abort')
		operands+=(branch)
		;;
	'branch rename')
		operands+=(branch nothing)
		;;
	'branch mount')
		operands+=(branch directory)
		;;
	inspect)
		options='-l --long -R --recursive -C --directory --branch -b --bytes -J --json --udev -h --help'
		valued=' -C=directory --directory=directory --branch=branch '
		operands+=(source word)
		verbs='ls stat cat extents extract log layout'
		;;
	'inspect ls' | 'inspect stat' | 'inspect cat' | 'inspect extents' | 'inspect extract')
		operands+=(nothing)
		;;
	'inspect log')
		operands+=(branch)
		;;
	fsck)
		options='-n --check-only -p --preen -a -y --yes --extract --branch -f --force -A -C --progress -V --verbose -J --json -h --help'
		valued=' --extract=directory --branch=branch '
		operands+=(source)
		;;
	save)
		options='--branch --flat -f --force -q --quiet -h --help'
		valued=' --branch=branch '
		operands+=(source file)
		;;
	list)
		options='-o --output -O --output-all -J --json -P --pairs -r --raw -n --noheadings -b --bytes -h --help'
		valued=' -o=nothing --output=nothing '
		operands+=(file)
		;;
	help)
		options='--help'
		operands+=(word)
		;;
	version)
		options='--help'
		;;
	--install)
		options='-s'
		operands+=(directory)
		;;
	*) return 1 ;;
	esac
}

# A word of kind $1, of which the shell takes no more than a tilde and quotes: nothing is run.
_daxfsctl_given()
{
	local word=${2//[\\\"\']/}

	[[ $1 == mount || $1 == source ]] || return 0
	here=''
	[[ $word != '~' && $word != '~/'* ]] || word=$HOME${word:1}
	# No device is looked at, whatever it is called.
	if [[ $1 == mount ]] || [[ (-f $word || -d $word) && $word != @(phys:|UUID=|LABEL=)* ]]; then
		ask+=("--$1=$word")
	fi
}

# Puts the kind of an option's argument into the caller's $option, nothing for one that takes none.
_daxfsctl_kind()
{
	option=${valued#*" $1="}
	option=${option%% *}
}

# The same for the option whose argument is the word after $1.
_daxfsctl_option()
{
	local letters=${1#-} letter

	if [[ $1 == --*=* ]]; then
		_daxfsctl_kind "${1%%=*}"
		_daxfsctl_given "$option" "${1#*=}"
		option=''
		return
	elif [[ $1 == --* ]]; then
		_daxfsctl_kind "$1"
		return
	fi
	while [[ $letters ]]; do
		letter=${letters:0:1}
		letters=${letters:1}
		_daxfsctl_kind "-$letter"
		if [[ $option && $letters ]]; then
			# More letters are the argument.
			_daxfsctl_given "$option" "$letters"
			option='' letters=''
		fi
		[[ ! $option ]] || return 0
	done
}

# The branches of what was named, else of the mount that holds the current directory, that start with $1.
_daxfsctl_branches()
{
	local whose name plain PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

	[[ ! $here ]] || ask=('')
	for whose in "${ask[@]}"; do
		while read -r name; do
			# Nothing else can be a branch's name, and these need no quotes; UTF-8 comes as \xHH.
			plain=${name//\\x[89a-f][[:xdigit:]]/}
			[[ $plain != *[^[:alnum:]._/@+:-]* ]] || continue
			printf -v name %b "$name"
			[[ $name != "$1"* ]] || COMPREPLY+=("$name")
		done < <(command daxfsctl branch list -rno NAME ${whose:+"$whose"} 2>/dev/null)
	done
}

# The shell replaces what is behind the last colon or at sign of $1.
_daxfsctl_trim()
{
	local breaks=${COMP_WORDBREAKS//[^:@]/} before i

	[[ $breaks && $1 == *[$breaks]* ]] || return 0
	before=${1%"${1##*["$breaks"]}"}
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]#"$before"}
	done
}

_daxfsctl()
{
	local cur prev words cword split
	local verb first=1 n=0 i option='' ended='' kind options='' valued=' ' operands=()
	local ask=() here=''
	local verbs='mkfs mount umount branch inspect fsck save list help version'

	# A colon is part of phys:ADDR+SIZE, both are of the names of branches.
	_init_completion -s -n :@ || return
	case ${words[0]##*/} in
	mkdaxfs | mkfs.daxfs) verb=mkfs ;;
	mount.daxfs) verb=mount ;;
	umount.daxfs) verb=umount ;;
	daxfs-branch) verb=branch ;;
	daxfs-inspect) verb=inspect ;;
	fsck.daxfs) verb=fsck ;;
	daxfs-save) verb=save ;;
	*) verb=${words[1]-} first=2 ;;
	esac
	if ((cword < first)); then
		[[ $cur != -* ]] || verbs='--help --version --list --install'
		mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
		return
	fi
	_daxfsctl_row "$verb" || return

	for ((i = first; i < cword; i++)); do
		if [[ $option ]]; then
			_daxfsctl_given "$option" "${words[i]}"
			option=''
		elif [[ ! $ended && ${words[i]} == -- ]]; then
			ended=1
		elif [[ ! $ended && ${words[i]} == -?* ]]; then
			_daxfsctl_option "${words[i]}"
		else
			_daxfsctl_given "${operands[n]-}" "${words[i]}"
			[[ ${operands[n]-} != word ]] || _daxfsctl_row "$verb ${words[i]}"
			n=$((n + 1))
		fi
	done
	[[ $split != true ]] || _daxfsctl_kind "$prev"

	if [[ $option || $split == true ]]; then
		kind=$option
	elif [[ ! $ended && $cur == -* ]]; then
		kind=option
	else
		kind=${operands[n]-}
	fi
	case $kind in
	file | source) _filedir ;;
	directory | mount) _filedir -d ;;
	branch) _daxfsctl_branches "$cur" ;;
	# The shell replaces what is behind the equals sign, unless there are quotes.
	list)
		[[ ${cur##*,} == branch=* && $cur != [\"\']* ]] || return 0
		cur=${cur##*,branch=}
		cur=${cur#branch=}
		_daxfsctl_branches "$cur"
		;;
	option) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
	word) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
	esac
	_daxfsctl_trim "$cur"
} &&
	complete -F _daxfsctl daxfsctl mkdaxfs mkfs.daxfs mount.daxfs umount.daxfs daxfs-branch daxfs-inspect fsck.daxfs daxfs-save
