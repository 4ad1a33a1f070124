#include "cmd/supervisor/datadir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/supervisor/certificate.h"

static int
make_folder(
    const char *path, mode_t mode, const struct super_user *u, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return err_sys(
		    err, RC_IO, errno, "cannot make the folder %s", path);
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, RC_IO, "%s is not a folder", path);
	if (u != NULL && geteuid() == 0 &&
	    (st.st_uid != u->uid || st.st_gid != u->gid) &&
	    chown(path, u->uid, u->gid) != 0)
		return err_sys(err, RC_IO, errno, "cannot give %s to uid %u",
		    path, u->uid);
	return RC_OK;
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
			r = make_folder(b.p, 0755, NULL, err);
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
		buf_addf(
		    path, "%s/accounts/%s", conf->data, conf->account[i].name);
		r = make_folder(path->p, 0700, owner, err);
		buf_adds(path, "/log");
		if (r == RC_OK)
			r = make_folder(path->p, 0700, owner, err);
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
	for (i = 0; r == RC_OK && i < sizeof folders / sizeof folders[0]; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/%s", conf->data, folders[i].name);
		r = make_folder(path.p, folders[i].mode,
		    folders[i].role >= 0 ? &user[folders[i].role] : NULL, err);
	}
	if (r == RC_OK)
		r = make_account_folders(conf, &user[ROLE_ACCOUNT], &path, err);
	buf_fini(&path);
	if (r == RC_OK)
		r = certificate_make(conf, err);
	return r;
}
