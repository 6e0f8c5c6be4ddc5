// SPDX-License-Identifier: GPL-2.0-only
/* daxfsctl inspect SOURCE extract: which file, where to. */
#include "inspect.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "applet.h"
#include "extract.h"
#include "message.h"

struct extraction {
	struct inspect *in;
	struct extract ex;
	struct dxc_file file; /* what PATH names */
	bool exists; /* something of it is in the target already */
};

static void on_lost(void *priv, const char *path, const char *what, int err,
		    const struct dxc_finding *f)
{
	struct extraction *xt = priv;
	char *both = NULL;

	if (what && asprintf(&both, "%s: %s", path, what) < 0)
		both = NULL;
	inspect_complain(xt->in, both ? both : path, err, f);
	xt->in->incomplete = true;
	xt->exists |= err == -EEXIST;
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
	if (xt->exists)
		message_hint("nothing that is there is replaced: a directory that is new takes all of it");
	free(name);
	if (!err)
		return EXIT_OK;
	message_error("%s: cannot be extracted to: %s", xt->in->directory,
		      strerror(-err));
	return EXIT_FAILED;
}

static int extract(struct inspect *in, const char *path)
{
	struct extraction xt = {
		.in = in,
		.ex = { .from = in->from, .target = -1, .lost = on_lost },
	};
	int status;

	xt.ex.priv = &xt;
	status = inspect_lookup(in, path, false, &xt.file);
	return status ? status : write_files(&xt, path);
}

int inspect_extract(struct inspect *in, const char *path)
{
	return inspect_show(in, path, extract);
}
