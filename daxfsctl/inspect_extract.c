// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect SOURCE extract: which branch, which file, where to. A log
 * that cannot be read to its end is read as far as it can: what is before is
 * what the branch was.
 */
#include "inspect.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "applet.h"
#include "branch_view.h"
#include "extract.h"
#include "message.h"
#include "path.h"

struct extraction {
	struct inspect *in;
	struct branch_view view;
	struct extract ex;
	struct dxc_file file; /* what PATH names */
	bool incomplete; /* something was said that is wrong with it */
};

static void complain(struct extraction *xt, const char *path, int err,
		     const struct dxc_finding *f)
{
	inspect_complain(xt->in, path, err, f);
	xt->incomplete = true;
}

static void on_lost(void *priv, const char *path, const char *what, int err,
		    const struct dxc_finding *f)
{
	struct extraction *xt = priv;
	char *both = NULL;

	if (what && asprintf(&both, "%s: %s", path, what) < 0)
		both = NULL;
	complain(xt, both ? both : path, err, f);
	free(both);
}

/* The last component of a path; NULL: what is in the directory that it names. */
static char *name_of(const char *path, const struct dxc_file *file)
{
	size_t end = strlen(path);
	size_t start;
	char *name;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	name = strndup(path + start, end - start);
	if (!name || file->attr.ino == DAXFS_ROOT_INO || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		free(name);
		return NULL;
	}
	return name;
}

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	size_t count = 0;

	if (!dir)
		return false;
	while (count < 3 && readdir(dir))
		count++;
	closedir(dir);
	return count < 3;
}

/* DIR, made if it is not there; *own: it holds nothing of anybody else. */
static int open_target(const struct inspect *in, bool *own)
{
	int made = mkdir(in->directory, 0700);
	int fd;

	if (made < 0 && errno != EEXIST)
		return -errno;
	fd = open(in->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*own = made == 0 || is_empty(fd);
	return fd;
}

/* A record that was damaged ends a log early: operations behind it are not shown. */
static void complain_of_cut(struct extraction *xt, const char *name)
{
	const struct branch_view *view = &xt->view;
	struct dxc_finding f;

	for (u32 i = 0; i < view->count; i++) {
		const struct dxc_layer *layer = &view->layers[i];

		if (layer->unread)
			complain(xt, name, layer->unread, &(struct dxc_finding){ 0 });
		if (layer->behind)
			complain(xt, name,
				 dxc_found(&f, -EUCLEAN, DXC_LR_CUT, DAXFS_AREA_DELTA, 0,
					   layer->behind, layer->log.seq),
				 &f);
	}
}

/* Chooses what is shown; an exit status. */
static int open_contents(struct extraction *xt)
{
	const struct inspect *in = xt->in;
	const char *name = in->branch ? in->branch : "main";
	struct contents *from = &xt->ex.from;
	int err;

	from->vol = &in->img.vol;
	if (!dxc_volume_is_writable(from->vol)) {
		if (!in->branch)
			return EXIT_OK;
		message_error("%s: has no branches", in->source);
		return EXIT_NOT_FOUND;
	}
	err = branch_view_open(&xt->view, in->img.src.map, in->img.src.size, name);
	if (!err) {
		from->vol = &xt->view.vol;
		from->top = xt->view.top;
		complain_of_cut(xt, name);
		return EXIT_OK;
	}
	if (err == -ENOENT && strcmp(name, "main") != 0) {
		message_error("%s: there is no branch \"%s\"", in->source, name);
		return EXIT_NOT_FOUND;
	}
	complain(xt, name, err, &xt->view.finding);
	if (err == -ENOMEM)
		return EXIT_FAILED;
	if (xt->view.count) {
		from->vol = &xt->view.vol;
		from->top = &xt->view.layers[xt->view.count - 1];
		message_hint("what is extracted is from before that");
	} else {
		message_hint("what is extracted is the base, without any branch");
	}
	return EXIT_OK;
}

static int find(struct extraction *xt, const char *path)
{
	struct dxc_finding f = { 0 };
	int err;

	err = path_lookup(&xt->ex.from, path, false, &xt->file, &f);
	if (!err)
		return EXIT_OK;
	complain(xt, path, err, &f);
	return err == -ENOENT || err == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED;
}

static int write_files(struct extraction *xt, const char *path)
{
	char *name = name_of(path, &xt->file);
	bool own = false;
	int err = 0;

	if (!name && !S_ISDIR(xt->file.attr.mode))
		err = -ENOTDIR;
	xt->ex.target = err ? err : open_target(xt->in, &own);
	if (xt->ex.target < 0)
		err = xt->ex.target;
	if (!err) {
		err = extract_file(&xt->ex, &xt->file, path, name, own && !name);
		close(xt->ex.target);
	}
	free(name);
	if (!err)
		return xt->incomplete ? EXIT_FAILED : EXIT_OK;
	message_error("%s: cannot be extracted to: %s", xt->in->directory,
		      strerror(-err));
	return EXIT_FAILED;
}

int inspect_extract(struct inspect *in, const char *path)
{
	struct extraction xt = {
		.in = in,
		.ex = { .target = -1, .lost = on_lost },
		.incomplete = in->from_copy,
	};
	int status;

	xt.ex.priv = &xt;
	status = open_contents(&xt);
	if (!status)
		status = find(&xt, path);
	if (!status)
		status = write_files(&xt, path);
	branch_view_close(&xt.view);
	return status;
}
