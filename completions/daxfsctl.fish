# SPDX-License-Identifier: GPL-2.0-only
# Generated from the applet table by `make completions`; edits here are lost.

# What stands before the cursor, one a line: the verb, then operands, mounts and sources, each with that word before it.
function __daxfsctl_given
	set -l words (commandline -opc)
	set -l verb
	set -l letters
	set -l names
	set -l mounts
	set -l sources
	set -l option
	set -l operands
	set -l parts
	set -l ended false

	switch (string replace -r '.*/' '' -- $words[1])
		case mkdaxfs mkfs.daxfs
			set verb mkfs
		case mount.daxfs
			set verb mount
		case umount.daxfs
			set verb umount
		case daxfs-branch
			set verb branch
		case daxfs-inspect
			set verb inspect
		case fsck.daxfs
			set verb fsck
		case daxfs-save
			set verb save
		case '*'
			set -q words[2]; or return
			set verb $words[2]
			set -e words[1]
	end
	set -e words[1]
	echo $verb

	switch $verb
		case mkfs
			set letters doHpsmDLU
			set names --directory --tar --output --heap --phys --size --mount --delta --branches --label --uuid --exclude
		case mount
			set letters otN
			set names --options --types --namespace
			set mounts
			set sources 1
		case umount
			set letters Nt
			set names --namespace --types
		case branch
			set letters mpso
			set names --mount --parent --volume --source --output
			set mounts -m --mount --volume
			set sources -s --source
		case inspect
			set letters C
			set names --directory --branch
			set mounts
			set sources 1
		case fsck
			set letters
			set names --extract --branch
			set mounts
			set sources 1
		case save
			set letters
			set names --branch
			set mounts
			set sources 1
		case list
			set letters o
			set names --output
	end
	for word in $words
		if set -q option[1]
			set parts $option $word
		else if $ended; or not string match -q -- '-?*' $word
			echo operand $word
			set -a operands $word
			set parts (count $operands) $word
		else if test $word = --
			set ended true
			continue
		else if contains -- $word $names
			set option $word
			continue
		else if string match -q -- '--*' $word
			set parts (string match -r -- '^(--[^=]*)=(.*)$' $word)[2..]
		else if set -q letters[1]; and set parts (string match -r -- "^-[^$letters]*([$letters])(.*)\$" $word)[2..]
			set parts[1] -$parts[1]
			if test -z "$parts[2]"
				set option $parts[1]
				continue
			end
		else
			continue
		end
		set -e option
		# Of what stands there a tilde is taken: nothing is run.
		set word (string replace -r -- '^~(?=/|$)' $HOME $parts[2])
		if contains -- "$parts[1]" $mounts
			echo mount $word
		else if contains -- "$parts[1]" $sources
			echo source $word
		end
	end
end

# Is this the verb being completed, with these many operands before the cursor, of which number "at" is this word?
function __daxfsctl_at --argument-names wanted count at word
	set -l given (__daxfsctl_given)
	test "$given[1]" = $wanted; or return 1
	set -q count[1]; or return 0
	set -l operands (string replace -rf '^operand ' '' -- $given)
	test (count $operands) -eq $count; or return 1
	set -q at[1]; or return 0
	test "$operands[$at]" = $word
end

# UTF-8 comes as \xHH.
function __daxfsctl_names
	command daxfsctl branch list -rno NAME $argv 2>/dev/null | while read -l name
		printf '%b\n' $name
	end
end

# The branches of what was named, else of the mount that holds the current directory.
function __daxfsctl_branches
	set -l given (__daxfsctl_given)
	set -l ask (string replace -rf -- '^(mount|source) ' '--$1=' $given)
	set -lx PATH $PATH /usr/local/sbin /usr/sbin /sbin
	command -q daxfsctl; or return
	if not set -q ask[1]; and contains -- $given[1] branch
		__daxfsctl_names
	end
	for whose in $ask
		# No device is looked at, whatever it is called.
		set -l source (string match -r -- '^--source=(.*)$' $whose)[2]
		if set -q source[1]
			string match -qr '^(phys:|UUID=|LABEL=)' -- $source; and continue
			test -f $source; or test -d $source; or continue
		end
		__daxfsctl_names $whose
	end
end

# Mount options, of which the last is completed if it is a branch.
function __daxfsctl_list
	set -l before (commandline -ct | string match -r -- '^(?:--[^=]*=)?((?:.*,)?branch=)[^,]*$')[2]
	set -q before[1]; and string join \n -- $before(__daxfsctl_branches)
end

function __daxfsctl_first
	set -l words (commandline -opc)
	not set -q words[2]
end

set -l commands -c daxfsctl -c mkdaxfs -c mkfs.daxfs -c mount.daxfs -c umount.daxfs -c daxfs-branch -c daxfs-inspect -c fsck.daxfs -c daxfs-save
complete $commands -f

complete -c daxfsctl -n __daxfsctl_first -a mkfs -d 'Make a daxfs image from a directory tree or a tar archive.'
complete -c daxfsctl -n __daxfsctl_first -a mount -d 'Mount a daxfs: a device, a physical range, or an image file loaded into memory.'
complete -c daxfsctl -n __daxfsctl_first -a umount -d 'Unmount a daxfs, and write its memory back to its image file if that was asked for.'
complete -c daxfsctl -n __daxfsctl_first -a branch -d 'Make, show, commit and discard the branches of a mounted daxfs.'
complete -c daxfsctl -n __daxfsctl_first -a inspect -d 'Show what an image holds, without mounting it.'
complete -c daxfsctl -n __daxfsctl_first -a fsck -d 'Check an image completely.'
complete -c daxfsctl -n __daxfsctl_first -a save -d 'Save what is in a region, mounted or not, to an image file.'
complete -c daxfsctl -n __daxfsctl_first -a list -d 'List every daxfs that can be seen: on devices, in files, mounted.'
complete -c daxfsctl -n __daxfsctl_first -a help -d 'Explain a verb, or list all.'
complete -c daxfsctl -n __daxfsctl_first -a version -d 'Print the version.'
complete -c daxfsctl -n __daxfsctl_first -l help -d 'print this and exit'
complete -c daxfsctl -n __daxfsctl_first -l version -d 'print the version and exit'
complete -c daxfsctl -n __daxfsctl_first -l list -d 'print the names this program can be called by'
complete -c daxfsctl -n __daxfsctl_first -l install -d 'link itself to these names in DIR; -s: symbolic links'

set commands -c daxfsctl -c mkdaxfs -c mkfs.daxfs
complete $commands -n '__daxfsctl_at mkfs' -s d -l directory -x -a '(__fish_complete_directories)' -d 'the tree to make an image of'
complete $commands -n '__daxfsctl_at mkfs' -l tar -r -F -d 'the tar archive to make an image of; -: standard input'
complete $commands -n '__daxfsctl_at mkfs' -s o -l output -r -F -d 'write to a file, a block device or /dev/daxX.Y; -: standard output'
complete $commands -n '__daxfsctl_at mkfs' -s H -l heap -x -d 'write to a new buffer of a dma-heap (needs -m)'
complete $commands -n '__daxfsctl_at mkfs' -s p -l phys -x -d 'write to physical memory, through /dev/mem (needs -s)'
complete $commands -n '__daxfsctl_at mkfs' -s s -l size -x -d 'size of the file, buffer or range; K, M, G, T'
complete $commands -n '__daxfsctl_at mkfs' -s m -l mount -x -a '(__fish_complete_directories)' -d 'mount the result there'
complete $commands -n '__daxfsctl_at mkfs' -s w -l writable -d 'the image can be written to, in branches'
complete $commands -n '__daxfsctl_at mkfs' -s D -l delta -x -d 'size of the area for what is written (needs -w)'
complete $commands -n '__daxfsctl_at mkfs' -l branches -x -d 'branches there can be, 1 to 65535 (needs -w; default: 256)'
complete $commands -n '__daxfsctl_at mkfs' -s L -l label -x -d 'name of the image, at most 64 bytes'
complete $commands -n '__daxfsctl_at mkfs' -s U -l uuid -x -d 'UUID of the image (default: random)'
complete $commands -n '__daxfsctl_at mkfs' -s n -l dry-run -d 'print the layout and write nothing'
complete $commands -n '__daxfsctl_at mkfs' -s f -l force -d 'overwrite a filesystem; twice, also one that is mounted elsewhere'
complete $commands -n '__daxfsctl_at mkfs' -s F -d 'overwrite a filesystem; twice, also one that is mounted elsewhere'
complete $commands -n '__daxfsctl_at mkfs' -s q -l quiet -d 'print nothing but errors'
complete $commands -n '__daxfsctl_at mkfs' -s v -l verbose -d 'print a summary, and what was left out'
complete $commands -n '__daxfsctl_at mkfs' -l no-pack -d 'no two files share a block: each is mapped where it is'
complete $commands -n '__daxfsctl_at mkfs' -l all-root -d 'all files belong to root'
complete $commands -n '__daxfsctl_at mkfs' -l exclude -x -d 'leave out paths that match; * matches / too'
complete $commands -n '__daxfsctl_at mkfs' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at mkfs 0' -F

set commands -c daxfsctl -c mount.daxfs
complete $commands -n '__daxfsctl_at mount' -s o -l options -x -a '(__daxfsctl_list)' -d 'mount options, see daxfs(5) and mount(8)'
complete $commands -n '__daxfsctl_at mount' -s t -l types -x -d 'daxfs; taken from mount(8)'
complete $commands -n '__daxfsctl_at mount' -s f -l fake -d 'check the arguments, mount nothing'
complete $commands -n '__daxfsctl_at mount' -s s -l sloppy -d 'ignore options that the kernel does not know'
complete $commands -n '__daxfsctl_at mount' -s n -l no-mtab -d 'taken from mount(8), means nothing'
complete $commands -n '__daxfsctl_at mount' -s N -l namespace -r -F -d 'mount in the mount namespace of this process or file'
complete $commands -n '__daxfsctl_at mount' -s v -l verbose -d 'say what was mounted'
complete $commands -n '__daxfsctl_at mount' -l write-back -d 'write what changes back to the image file when it is unmounted'
complete $commands -n '__daxfsctl_at mount' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at mount 0' -F
complete $commands -n '__daxfsctl_at mount 1' -a '(__fish_complete_directories)'

set commands -c daxfsctl -c umount.daxfs
complete $commands -n '__daxfsctl_at umount' -s f -l force -d 'taken from umount(8): do not wait'
complete $commands -n '__daxfsctl_at umount' -s l -l lazy -d 'take it out of the tree now, and down when nobody uses it'
complete $commands -n '__daxfsctl_at umount' -s n -l no-mtab -d 'taken from umount(8), means nothing'
complete $commands -n '__daxfsctl_at umount' -s r -l read-only -d 'taken from umount(8), means nothing'
complete $commands -n '__daxfsctl_at umount' -s v -l verbose -d 'say what was unmounted, and where it was written to'
complete $commands -n '__daxfsctl_at umount' -s N -l namespace -r -F -d 'unmount in the mount namespace of this process or file'
complete $commands -n '__daxfsctl_at umount' -s t -l types -x -d 'daxfs; taken from umount(8)'
complete $commands -n '__daxfsctl_at umount' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at umount 0' -a '(__fish_complete_directories)'

set commands -c daxfsctl -c daxfs-branch
complete $commands -n '__daxfsctl_at branch' -s m -l mount -x -a '(__fish_complete_directories)' -d 'the mounted daxfs (default: the one that holds the current directory)'
complete $commands -n '__daxfsctl_at branch' -s p -l parent -x -a '(__daxfsctl_branches)' -d 'create: the branch to start from (default: what DIR shows)'
complete $commands -n '__daxfsctl_at branch' -l stay -d 'create: DIR goes on showing what it shows'
complete $commands -n '__daxfsctl_at branch' -l volume -x -a '(__fish_complete_directories)' -d 'create, mount: a mount of the image, when DIR is not to be one yet'
complete $commands -n '__daxfsctl_at branch' -s s -l source -r -F -d 'create: the image, when it is not mounted yet; list, diff: look there'
complete $commands -n '__daxfsctl_at branch' -l stat -d 'diff, commit --dry-run: print sizes, and a summary at the end'
complete $commands -n '__daxfsctl_at branch' -l dry-run -d 'commit: print what would happen, change nothing'
complete $commands -n '__daxfsctl_at branch' -l to-root -d 'commit: level by level, up to main'
complete $commands -n '__daxfsctl_at branch' -s J -l json -d 'list, show, diff, commit --dry-run: print JSON'
complete $commands -n '__daxfsctl_at branch' -s o -l output -x -d 'list: these columns, separated by commas'
complete $commands -n '__daxfsctl_at branch' -s O -l output-all -d 'list: all columns'
complete $commands -n '__daxfsctl_at branch' -s P -l pairs -d 'list: print KEY="value" pairs'
complete $commands -n '__daxfsctl_at branch' -s r -l raw -d 'list: print without alignment'
complete $commands -n '__daxfsctl_at branch' -s n -l noheadings -d 'list: print no headings'
complete $commands -n '__daxfsctl_at branch' -s b -l bytes -d 'list, show: print sizes in bytes'
complete $commands -n '__daxfsctl_at branch' -s y -l yes -d 'commit: do not ask, also on a terminal'
complete $commands -n '__daxfsctl_at branch' -s q -l quiet -d 'say nothing when all is well'
complete $commands -n '__daxfsctl_at branch' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at branch 0' -a create -d 'a new branch, and show it'
complete $commands -n '__daxfsctl_at branch 0' -a list -d 'all branches'
complete $commands -n '__daxfsctl_at branch 0' -a show -d 'what there is to say of one branch'
complete $commands -n '__daxfsctl_at branch 0' -a switch -d 'show another branch'
complete $commands -n '__daxfsctl_at branch 0' -a diff -d 'what a branch changed'
complete $commands -n '__daxfsctl_at branch 0' -a commit -d 'a branch into its parent, and discard its siblings'
complete $commands -n '__daxfsctl_at branch 0' -a abort -d 'discard a branch'
complete $commands -n '__daxfsctl_at branch 0' -a rename -d 'give a branch another name'
complete $commands -n '__daxfsctl_at branch 0' -a mount -d 'another branch at another directory'
complete $commands -n '__daxfsctl_at branch 1 1 show' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 1 1 switch' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 1 1 diff' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 1 1 commit' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 1 1 abort' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 1 1 rename' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 1 1 mount' -a '(__daxfsctl_branches)'
complete $commands -n '__daxfsctl_at branch 2 1 mount' -a '(__fish_complete_directories)'

set commands -c daxfsctl -c daxfs-inspect
complete $commands -n '__daxfsctl_at inspect' -s l -l long -d 'ls: mode, links, owner, size and time as well'
complete $commands -n '__daxfsctl_at inspect' -s R -l recursive -d 'ls: what is in the directories below as well'
complete $commands -n '__daxfsctl_at inspect' -s C -l directory -x -a '(__fish_complete_directories)' -d 'extract: where to'
complete $commands -n '__daxfsctl_at inspect' -l branch -x -a '(__daxfsctl_branches)' -d 'show files of this branch, not of main'
complete $commands -n '__daxfsctl_at inspect' -s b -l bytes -d 'print sizes in bytes'
complete $commands -n '__daxfsctl_at inspect' -s J -l json -d 'print JSON'
complete $commands -n '__daxfsctl_at inspect' -l udev -d 'print what udev wants to know, reading 4 KiB'
complete $commands -n '__daxfsctl_at inspect' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at inspect 0' -F
complete $commands -n '__daxfsctl_at inspect 1' -a ls -d 'the names in a directory'
complete $commands -n '__daxfsctl_at inspect 1' -a stat -d 'everything the image says of a file'
complete $commands -n '__daxfsctl_at inspect 1' -a cat -d 'the contents of a file'
complete $commands -n '__daxfsctl_at inspect 1' -a extents -d 'where the contents are'
complete $commands -n '__daxfsctl_at inspect 1' -a extract -d 'files, written to a directory'
complete $commands -n '__daxfsctl_at inspect 1' -a log -d 'the records of a branch\'s log'
complete $commands -n '__daxfsctl_at inspect 1' -a layout -d 'a picture of the region'
complete $commands -n '__daxfsctl_at inspect 2 2 log' -a '(__daxfsctl_branches)'

set commands -c daxfsctl -c fsck.daxfs
complete $commands -n '__daxfsctl_at fsck' -s n -l check-only -d 'change nothing, as without -p, -a and -y'
complete $commands -n '__daxfsctl_at fsck' -s p -l preen -d 'repair what is safe to'
complete $commands -n '__daxfsctl_at fsck' -s a -d 'repair what is safe to'
complete $commands -n '__daxfsctl_at fsck' -s y -l yes -d 'repair everything that can be, also at the price of a part of it'
complete $commands -n '__daxfsctl_at fsck' -l extract -x -a '(__fish_complete_directories)' -d 'write what can be read of the files to DIR'
complete $commands -n '__daxfsctl_at fsck' -l branch -x -a '(__daxfsctl_branches)' -d '--extract: the files of this branch, not of main'
complete $commands -n '__daxfsctl_at fsck' -s f -l force -d 'taken from boot scripts: every check is a full one'
complete $commands -n '__daxfsctl_at fsck' -s A -d 'taken from boot scripts, means nothing'
complete $commands -n '__daxfsctl_at fsck' -s C -l progress -d 'show progress on a terminal'
complete $commands -n '__daxfsctl_at fsck' -s V -l verbose -d 'say what is checked'
complete $commands -n '__daxfsctl_at fsck' -s J -l json -d 'print JSON'
complete $commands -n '__daxfsctl_at fsck' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at fsck 0' -F

set commands -c daxfsctl -c daxfs-save
complete $commands -n '__daxfsctl_at save' -l branch -x -a '(__daxfsctl_branches)' -d 'the branch to be made flat (default: main)'
complete $commands -n '__daxfsctl_at save' -l flat -d 'save what one branch shows, as an image without branches'
complete $commands -n '__daxfsctl_at save' -s f -l force -d 'replace FILE if it is there'
complete $commands -n '__daxfsctl_at save' -s q -l quiet -d 'print nothing but errors'
complete $commands -n '__daxfsctl_at save' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at save 0' -F
complete $commands -n '__daxfsctl_at save 1' -F

set commands -c daxfsctl
complete $commands -n '__daxfsctl_at list' -s o -l output -x -d 'these columns, separated by commas'
complete $commands -n '__daxfsctl_at list' -s O -l output-all -d 'all columns'
complete $commands -n '__daxfsctl_at list' -s J -l json -d 'print JSON'
complete $commands -n '__daxfsctl_at list' -s P -l pairs -d 'print KEY="value" pairs'
complete $commands -n '__daxfsctl_at list' -s r -l raw -d 'print columns without alignment'
complete $commands -n '__daxfsctl_at list' -s n -l noheadings -d 'print no headings'
complete $commands -n '__daxfsctl_at list' -s b -l bytes -d 'print sizes in bytes'
complete $commands -n '__daxfsctl_at list' -s h -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at list 0' -F

set commands -c daxfsctl
complete $commands -n '__daxfsctl_at help' -l help -d 'print help and exit'
complete $commands -n '__daxfsctl_at help 0' -a 'mkfs mount umount branch inspect fsck save list help version'

set commands -c daxfsctl
complete $commands -n '__daxfsctl_at version' -l help -d 'print help and exit'

set commands -c daxfsctl
complete $commands -n '__daxfsctl_at --install' -s s -d 'make symbolic links'
complete $commands -n '__daxfsctl_at --install 0' -a '(__fish_complete_directories)'
