// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl branch create, switch, commit, abort, rename and mount. The kernel
 * decides and does; here it is asked, and what happened is said in a line.
 */
#include "branch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "branch_diff.h"
#include "escape.h"
#include "json.h"
#include "message.h"
#include "mount.h"

/* A line of success, fit for a terminal whatever is in it. */
static void __attribute__((format(printf, 2, 3)))
say(const struct branch_args *args, const char *format, ...)
{
	va_list list;
	char *text;

	if (args->quiet)
		return;
	va_start(list, format);
	if (vasprintf(&text, format, list) >= 0) {
		escape_print(stdout, text);
		putchar('\n');
		free(text);
	}
	va_end(list);
}

/* Into a member of struct daxfs_branch_op; what is too long is no branch's name. */
static int set_name(char to[DAXFS_BRANCH_NAME_SIZE], const char *name)
{
	size_t len = strlen(name);

	if (len >= DAXFS_BRANCH_NAME_SIZE) {
		message_error("%s: there is no such branch", name);
		return EXIT_NOT_FOUND;
	}
	memcpy(to, name, len + 1);
	return EXIT_OK;
}

/* What there is to be said of a mount that shows a parent, or was switched. */
static const char *how_shown(int fd)
{
	uint32_t flags = branch_mount_flags(fd);

	if (flags & DAXFS_VOLUME_SECOND)
		return ", read-only, as another mount of this machine may write it";
	if (flags & DAXFS_VOLUME_VISITOR)
		return ", read-only, as it was mounted for the other one";
	return "";
}

/* ---- create ---- */

/* Is it a directory to mount on? An exit status. */
static int check_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *de;
	bool empty = true;
	int err = errno;

	if (!dir) {
		message_error("%s: %s", path, strerror(err));
		return err == ENOENT || err == ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	while (empty && (de = readdir(dir)))
		empty = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
	closedir(dir);
	if (empty)
		return EXIT_OK;
	message_error("%s: is neither where a daxfs is mounted nor an empty directory",
		      path);
	return EXIT_NOT_FOUND;
}

static int create_here(const struct branch_args *args, struct branch_mount *bm)
{
	const struct daxfs_branch_info *parent = branch_operand(bm, args->parent);
	struct daxfs_branch_op op = { .bo_flags = args->stay ? DAXFS_BRANCH_STAY : 0 };
	int status;

	if (!parent)
		return EXIT_NOT_FOUND;
	status = set_name(op.bo_name, args->names[0]);
	if (!status)
		status = set_name(op.bo_other, parent->di_name);
	if (!status)
		status =
			branch_call(bm->fd, DAXFS_IOC_BRANCH_CREATE, &op, args->names[0]);
	if (!status && args->stay)
		say(args, "created branch \"%s\" from \"%s\", which is read-only now",
		    args->names[0], parent->di_name);
	else if (!status)
		say(args,
		    "created branch \"%s\" from \"%s\", which is read-only now; %s shows \"%s\"",
		    args->names[0], parent->di_name, bm->path, args->names[0]);
	return status;
}

/* The volume that --volume or --source name, or the only one there is; an exit status. */
static int find_volume(const struct branch_args *args, struct branch_mount *bm)
{
	char *path;
	int err, fd, status;

	memset(bm, 0, sizeof(*bm));
	bm->fd = -1;
	if (args->volume)
		return branch_mount_open(bm, args->volume);
	if (args->source) {
		struct mount_request rq = { .source = args->source, .dmabuf_fd = -1 };
		bool is_mount = false;

		/* A mount point is a source too. */
		if (branch_path_is_mount(args->source, &is_mount) == 0 && is_mount)
			return branch_mount_open(bm, args->source);
		fd = -1;
		status = mount_unattached(&rq, &fd);
		if (status)
			return EXIT_FAILED;
		return branch_mount_adopt(bm, args->source, fd);
	}
	err = branch_targets_only_volume(&path);
	if (!err) {
		status = branch_mount_open(bm, path);
		free(path);
		return status;
	}
	if (err == -ENOENT) {
		message_error("no daxfs is mounted%s",
			      strcmp(args->verb, "create") == 0 ?
				      ": say with --source of which image" :
				      "");
		return EXIT_NOT_FOUND;
	}
	if (err == -ENOTUNIQ) {
		return applet_wrong_use(
			"branch", EXIT_USAGE,
			"several daxfs are mounted: say with --volume DIR of which one");
	}
	message_error("the mounted daxfs cannot be found: %s", strerror(-err));
	return EXIT_FAILED;
}

/* Mounts a branch of an open volume; an exit status. */
static int mount_branch(const struct branch_mount *bm, const char *name, const char *dir)
{
	struct mount_request rq = { .target = dir, .dmabuf_fd = -1 };
	char options[16 + DAXFS_BRANCH_NAME_SIZE];
	char volume[32];

	snprintf(volume, sizeof(volume), "/proc/self/fd/%d", bm->fd);
	snprintf(options, sizeof(options), "branch=%s", name);
	rq.volume = volume;
	rq.options = options;
	return mount_region(&rq) ? EXIT_FAILED : EXIT_OK;
}

/*
 * The new branch is made first, as only what exists can be mounted. If it then
 * cannot be mounted, nothing shall be left of it.
 */
static int create_and_mount(const struct branch_args *args)
{
	struct daxfs_branch_op op = { .bo_flags = DAXFS_BRANCH_STAY };
	const struct daxfs_branch_info *parent;
	struct branch_mount bm;
	int status;

	status = check_empty(args->mount);
	if (status)
		return status;
	status = find_volume(args, &bm);
	if (status)
		goto out;
	parent = branch_operand(&bm, args->parent);
	status = parent ? set_name(op.bo_name, args->names[0]) : EXIT_NOT_FOUND;
	if (!status)
		status = set_name(op.bo_other, parent->di_name);
	if (!status)
		status = branch_call(bm.fd, DAXFS_IOC_BRANCH_CREATE, &op, args->names[0]);
	if (status)
		goto out;
	status = mount_branch(&bm, args->names[0], args->mount);
	if (!status) {
		say(args,
		    "created branch \"%s\" from \"%s\", which is read-only now; %s shows \"%s\"",
		    args->names[0], parent->di_name, args->mount, args->names[0]);
		goto out;
	}
	memset(&op, 0, sizeof(op));
	set_name(op.bo_name, args->names[0]);
	branch_call(bm.fd, DAXFS_IOC_BRANCH_ABORT, &op, args->names[0]);
out:
	branch_mount_close(&bm);
	return status;
}

int cmd_branch_create(const struct branch_args *args)
{
	struct branch_mount bm;
	bool is_mount = true;
	int err, status;

	err = args->mount ? branch_path_is_mount(args->mount, &is_mount) : 0;
	if (err) {
		message_error("%s: %s", args->mount, strerror(-err));
		if (err == -ENOENT)
			message_hint("mkdir makes the empty directory that is to show the branch");
		return err == -ENOENT || err == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	if (!is_mount && args->stay)
		return applet_wrong_use("branch", EXIT_USAGE,
					"--stay needs a DIR that shows a branch already");
	if (!is_mount)
		return create_and_mount(args);
	if (args->source || args->volume)
		return applet_wrong_use(
			"branch", EXIT_USAGE,
			"\"%s\" is mounted: it says itself what --%s would", args->mount,
			args->source ? "source" : "volume");
	status = branch_mount_open(&bm, args->mount);
	if (!status)
		status = create_here(args, &bm);
	branch_mount_close(&bm);
	return status;
}

int cmd_branch_mount(const struct branch_args *args)
{
	const struct daxfs_branch_info *br;
	struct branch_mount bm;
	int status;

	status = find_volume(args, &bm);
	if (!status) {
		br = branch_operand(&bm, args->names[0]);
		status = br ? mount_branch(&bm, br->di_name, args->names[1]) :
			      EXIT_NOT_FOUND;
	}
	if (!status)
		say(args, "%s shows branch \"%s\"", args->names[1], args->names[0]);
	branch_mount_close(&bm);
	return status;
}

/* ---- what discards ---- */

/* ", in use by 2 mounts (host a; /mnt/x)" or nothing; to be freed. */
static char *describe_users(const struct branch_targets *targets,
			    const struct daxfs_branch_info *br)
{
	const char *between = br->di_host[0] ? "; " : "";
	char *text = NULL;
	const char *target;
	size_t size;
	FILE *out;

	if (!br->di_mounts && !branch_targets_get(targets, br->di_name, 0))
		return strdup("");
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fprintf(out, ", mounted %u time%s (", br->di_mounts,
		br->di_mounts == 1 ? "" : "s");
	if (br->di_host[0])
		fprintf(out, "host %s", br->di_host);
	for (size_t i = 0; (target = branch_targets_get(targets, br->di_name, i)); i++) {
		fprintf(out, "%s%s", between, target);
		between = " ";
	}
	fputc(')', out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	/* Mounts in other kernels that say no name. */
	size = strlen(text);
	if (size > 2 && strcmp(text + size - 2, "()") == 0)
		text[size - 3] = '\0';
	return text;
}

/*
 * Would a commit of br (into main, with to_root) discard this one: is it a
 * sibling of br or, level by level, of what is above, or below one of these?
 */
static bool would_go(const struct branch_mount *bm, const struct daxfs_branch_info *br,
		     bool to_root, const struct daxfs_branch_info *other)
{
	const struct daxfs_branch_info *parent = branch_parent(bm, br);

	if (branch_is_ancestor(bm, other, br))
		return false;
	/* The topmost branch into which is committed */
	for (size_t i = 0;
	     to_root && parent && branch_parent(bm, parent) && i < bm->count; i++)
		parent = branch_parent(bm, parent);
	return parent && branch_is_ancestor(bm, parent, other) &&
	       !branch_is_ancestor(bm, br, other);
}

static void say_discarded(const struct branch_args *args, const struct branch_mount *bm,
			  const struct branch_targets *targets,
			  const struct daxfs_branch_info *br, const char *verb)
{
	for (size_t i = 0; i < bm->count; i++) {
		const struct daxfs_branch_info *other = &bm->branches[i];
		char *users;

		if (!would_go(bm, br, args->to_root, other))
			continue;
		users = describe_users(targets, other);
		say(args, "%s branch \"%s\"%s", verb, other->di_name, users ? users : "");
		free(users);
	}
}

/* Where a commit ends. */
static const struct daxfs_branch_info *commit_goal(const struct branch_args *args,
						   const struct branch_mount *bm,
						   const struct daxfs_branch_info *br)
{
	const struct daxfs_branch_info *goal = branch_parent(bm, br);

	for (size_t i = 0;
	     args->to_root && goal && branch_parent(bm, goal) && i < bm->count; i++)
		goal = branch_parent(bm, goal);
	return goal;
}

static void discarded_json(struct json *json, const struct branch_args *args,
			   const struct branch_mount *bm,
			   const struct branch_targets *targets,
			   const struct daxfs_branch_info *br)
{
	json_open_array(json, "discarded");
	for (size_t i = 0; i < bm->count; i++) {
		const struct daxfs_branch_info *other = &bm->branches[i];
		const char *target;

		if (!would_go(bm, br, args->to_root, other))
			continue;
		json_open_object(json, NULL);
		json_bytes(json, "name", other->di_name, strlen(other->di_name));
		json_number(json, "mounts", other->di_mounts);
		json_bytes(json, "host", other->di_host, strlen(other->di_host));
		json_open_array(json, "targets");
		for (size_t n = 0;
		     (target = branch_targets_get(targets, other->di_name, n)); n++)
			json_bytes(json, NULL, target, strlen(target));
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* What a commit would do, without doing it; an exit status. */
static int rehearse(const struct branch_args *args, struct branch_mount *bm,
		    const struct branch_targets *targets,
		    const struct daxfs_branch_info *br)
{
	const struct daxfs_branch_info *goal = commit_goal(args, bm, br);
	struct diff diff = { 0 };
	struct json json;
	int status;

	if (!goal || br->di_flags & DAXFS_BRANCH_FROZEN) {
		message_error(
			"%s: %s", br->di_name,
			goal ? "has branches of its own, which would have to go first" :
			       "has no parent to be committed into");
		return EXIT_REFUSED;
	}
	status = branch_diff_mount(bm, br->di_name, &diff);
	if (!status && args->table.json) {
		json_begin(&json, stdout, "commits");
		json_open_object(&json, NULL);
		json_bytes(&json, "branch", br->di_name, strlen(br->di_name));
		json_bytes(&json, "into", goal->di_name, strlen(goal->di_name));
		discarded_json(&json, args, bm, targets, br);
		json_open_array(&json, "changes");
		branch_diff_json(&json, &diff);
		json_close(&json, ']');
		json_close(&json, '}');
		json_end(&json);
	} else if (!status) {
		branch_diff_print(&diff, args->stat);
		say_discarded(args, bm, targets, br, "would discard");
	}
	diff_free(&diff);
	return status;
}

/* Is it mounted anywhere but at the mount that is asked? That one is told what it shows then. */
static bool loses_mounts(const struct branch_mount *bm,
			 const struct branch_targets *targets,
			 const struct daxfs_branch_info *other)
{
	uint32_t own = other->di_flags & DAXFS_BRANCH_SHOWN ? 1 : 0;
	const char *target;

	if (other->di_mounts > own)
		return true;
	for (size_t i = 0; (target = branch_targets_get(targets, other->di_name, i)); i++)
		if (!own || strcmp(target, bm->path) != 0)
			return true;
	return false;
}

/*
 * Says which mounts a commit takes their branch from, before it does; on a
 * terminal it asks. An exit status.
 */
static int warn_losers(const struct branch_args *args, const struct branch_mount *bm,
		       const struct branch_targets *targets,
		       const struct daxfs_branch_info *br)
{
	unsigned int losers = 0;
	char answer[8] = "";

	for (size_t i = 0; i < bm->count; i++) {
		const struct daxfs_branch_info *other = &bm->branches[i];
		char *users;

		if (!would_go(bm, br, args->to_root, other) ||
		    !loses_mounts(bm, targets, other))
			continue;
		losers++;
		users = describe_users(targets, other);
		say(args, "branch \"%s\"%s, is discarded by this", other->di_name,
		    users ? users : "");
		free(users);
	}
	fflush(stdout);
	if (!losers || args->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return EXIT_OK;
	fprintf(stderr, "commit \"%s\" and discard %s? [y/N] ", br->di_name,
		losers == 1 ? "that branch" : "these branches");
	if (fgets(answer, sizeof(answer), stdin) &&
	    (answer[0] == 'y' || answer[0] == 'Y'))
		return EXIT_OK;
	message_error("%s: nothing was committed", br->di_name);
	return EXIT_REFUSED;
}

static int commit(const struct branch_args *args, struct branch_mount *bm,
		  const struct branch_targets *targets,
		  const struct daxfs_branch_info *br)
{
	const struct daxfs_branch_info *goal = commit_goal(args, bm, br);
	const struct daxfs_branch_info *shown = branch_shown(bm);
	const char *into;
	struct daxfs_branch_op op = { .bo_flags = args->to_root ? DAXFS_BRANCH_TO_ROOT :
								  0 };
	int status;

	status = set_name(op.bo_name, br->di_name);
	if (!status)
		status = warn_losers(args, bm, targets, br);
	if (!status)
		status = branch_call(bm->fd, DAXFS_IOC_BRANCH_COMMIT, &op, br->di_name);
	if (status)
		return status;
	into = goal ? goal->di_name : "main";
	if (shown && (shown == br || would_go(bm, br, args->to_root, shown)))
		say(args, "committed branch \"%s\" into \"%s\"; %s shows \"%s\" now%s",
		    br->di_name, into, bm->path, into, how_shown(bm->fd));
	else
		say(args, "committed branch \"%s\" into \"%s\"", br->di_name, into);
	say_discarded(args, bm, targets, br, "discarded");
	return EXIT_OK;
}

int cmd_branch_commit(const struct branch_args *args)
{
	const struct daxfs_branch_info *br;
	struct branch_targets *targets;
	struct branch_mount bm;
	int status;

	status = branch_mount_open(&bm, args->mount);
	if (!status) {
		/* Before the commit, as nobody can be asked afterwards. */
		targets = branch_targets_load(bm.fd);
		br = branch_operand(&bm, args->names[0]);
		if (!br)
			status = EXIT_NOT_FOUND;
		else
			status = args->dry_run ? rehearse(args, &bm, targets, br) :
						 commit(args, &bm, targets, br);
		branch_targets_free(targets);
	}
	branch_mount_close(&bm);
	return status;
}

int cmd_branch_abort(const struct branch_args *args)
{
	const struct daxfs_branch_info *br = NULL, *shown, *parent;
	struct daxfs_branch_op op = { 0 };
	struct branch_mount bm;
	int status;

	status = branch_mount_open(&bm, args->mount);
	if (!status) {
		br = branch_operand(&bm, args->names[0]);
		status = br ? set_name(op.bo_name, br->di_name) : EXIT_NOT_FOUND;
	}
	if (!status)
		status = branch_call(bm.fd, DAXFS_IOC_BRANCH_ABORT, &op, br->di_name);
	if (!status) {
		char below[64] = "";

		shown = branch_shown(&bm);
		parent = branch_parent(&bm, br);
		if (op.bo_discarded)
			snprintf(below, sizeof(below), " and %u below it",
				 op.bo_discarded);
		if (parent && shown && branch_is_ancestor(&bm, br, shown))
			say(args, "aborted branch \"%s\"%s; %s shows \"%s\" now%s",
			    br->di_name, below, bm.path, parent->di_name,
			    how_shown(bm.fd));
		else
			say(args, "aborted branch \"%s\"%s", br->di_name, below);
	}
	branch_mount_close(&bm);
	return status;
}

int cmd_branch_switch(const struct branch_args *args)
{
	struct daxfs_branch_op op = { 0 };
	struct branch_mount bm;
	int status;

	status = branch_mount_open(&bm, args->mount);
	if (!status)
		status = set_name(op.bo_name, args->names[0]);
	if (!status)
		status = branch_call(bm.fd, DAXFS_IOC_BRANCH_SWITCH, &op, args->names[0]);
	if (!status)
		say(args, "%s shows branch \"%s\" now%s", bm.path, args->names[0],
		    how_shown(bm.fd));
	branch_mount_close(&bm);
	return status;
}

int cmd_branch_rename(const struct branch_args *args)
{
	struct daxfs_branch_op op = { 0 };
	struct branch_mount bm;
	int status;

	status = branch_mount_open(&bm, args->mount);
	if (!status)
		status = set_name(op.bo_name, args->names[0]);
	if (!status)
		status = set_name(op.bo_other, args->names[1]);
	if (!status)
		status = branch_call(bm.fd, DAXFS_IOC_BRANCH_RENAME, &op, args->names[0]);
	if (!status)
		say(args, "renamed branch \"%s\" to \"%s\"", args->names[0],
		    args->names[1]);
	branch_mount_close(&bm);
	return status;
}
