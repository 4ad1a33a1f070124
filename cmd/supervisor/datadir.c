#include "cmd/supervisor/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/supervisor/certificate.h"

static int
make_folder(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return err_sys(
		    err, RC_IO, errno, "cannot make the folder %s", path);
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, RC_IO, "%s is not a folder", path);
	return RC_OK;
}

/*
 * Some are in folders of other users, who may put a link there at any moment:
 * what is given away is the folder that was opened, not what a name leads to.
 */
static int
make_below(const struct conf *conf, const char *path, mode_t mode,
    const struct super_user *u, struct err *err)
{
	struct stat st;
	struct buf whole;
	int fd = -1, r;

	buf_init(&whole, 4096);
	buf_addf(&whole, "%s/%s", conf->data, path);
	r = make_folder(whole.p, mode, err);
	if (r == RC_OK)
		r = io_open_below(conf->data, path, O_DIRECTORY, &fd, err);
	if (r == RC_OK && u != NULL && geteuid() == 0 &&
	    (fstat(fd, &st) != 0 || st.st_uid != u->uid ||
		st.st_gid != u->gid) &&
	    fchown(fd, u->uid, u->gid) != 0)
		r = err_sys(err, RC_IO, errno, "cannot give %s to uid %u",
		    whole.p, u->uid);
	io_close(&fd);
	buf_fini(&whole);
	return r;
}

/* mkdir -p for the parents of the data folder. */
static int
make_parents(const char *path, struct err *err)
{
	struct buf b;
	size_t i, n = strlen(path);
	int r = RC_OK;

	buf_init(&b, 4096);
	for (i = 1; r == RC_OK && i <= n; i++)
		if (path[i] == '/' || path[i] == '\0') {
			buf_reset(&b);
			buf_add(&b, path, i);
			r = make_folder(b.p, 0755, err);
		}
	buf_fini(&b);
	return r;
}

struct wanted {
	const char *name;
	mode_t mode;
	int role; /* owner; -1: the supervisor */
};

static const struct wanted folders[] = {
    {"accounts", 0711, -1},
    {"auth", 0700, ROLE_AUTH},
    {"spool", 0700, ROLE_QUEUE},
    {"spool/log", 0700, ROLE_QUEUE},
    {"spool/incoming", 0700, ROLE_QUEUE},
    {"history", 0700, ROLE_HISTORY},
    {"junk", 0700, ROLE_JUNK},
    {"acme", 0700, ROLE_ACME},
    {"tls", 0700, -1},
    {"run", 0711, -1},
    {"run/empty", 0755, -1},
};

static int
make_account_folders(const struct conf *conf, const struct super_user *owner,
    struct buf *path, struct err *err)
{
	size_t i;
	int r = RC_OK;

	for (i = 0; r == RC_OK && i < conf->naccount; i++) {
		buf_reset(path);
		buf_addf(path, "accounts/%s", conf->account[i].name);
		r = make_below(conf, path->p, 0700, owner, err);
		buf_adds(path, "/log");
		if (r == RC_OK)
			r = make_below(conf, path->p, 0700, owner, err);
	}
	return r;
}

int
folders_make_top(const struct conf *conf, struct err *err)
{
	return make_parents(conf->data, err);
}

int
folders_make(const struct conf *conf, const struct super_user user[ROLE_COUNT],
    struct err *err)
{
	struct buf path;
	size_t i;
	int r;

	buf_init(&path, 4096);
	r = make_parents(conf->data, err);
	for (i = 0; r == RC_OK && i < sizeof folders / sizeof folders[0]; i++)
		r = make_below(conf, folders[i].name, folders[i].mode,
		    folders[i].role >= 0 ? &user[folders[i].role] : NULL, err);
	if (r == RC_OK)
		r = make_account_folders(conf, &user[ROLE_ACCOUNT], &path, err);
	buf_fini(&path);
	if (r == RC_OK)
		r = certificate_make(conf, err);
	return r;
}
