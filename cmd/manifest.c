#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "cmd/backup.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "store/store.h"

#define MANIFEST_MAX (256u << 20)

static int
only_backups(const struct dirent *e)
{
	struct sv name = sv_str(e->d_name);

	return sv_starts(name, SV(BACKUP_PREFIX)) &&
	       !sv_ends(name, SV(BACKUP_PART));
}

int
backup_find(const char *dir, int *fd, struct buf *name, struct err *err)
{
	struct dirent **e = NULL;
	struct buf path;
	int n, r = RC_OK;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/manifest.json", dir);
	if (access(path.p, F_OK) == 0) {
		buf_adds(name, dir);
	} else {
		n = scandir(dir, &e, only_backups, alphasort);
		if (n > 0)
			buf_addf(name, "%s/%s", dir, e[n - 1]->d_name);
		for (int i = 0; i < n; i++)
			free(e[i]);
		free(e);
		if (n <= 0)
			r = err_set(err, RC_NOTFOUND,
			    "there is no whole backup in %s", dir);
	}
	if (r == RC_OK) {
		*fd = open(name->p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (*fd < 0)
			r = err_sys(err, RC_IO, errno, "%s", name->p);
	}
	buf_fini(&path);
	return r;
}

/* "20261124T163000Z", as backup_stamp() writes it; 0: something else. */
static int64_t
read_stamp(struct sv s)
{
	static const struct {
		size_t at, n;
	} field[] = {{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}};
	uint64_t v[6];

	if (s.n != 16 || s.p[8] != 'T' || s.p[15] != 'Z')
		return 0;
	for (size_t i = 0; i < 6; i++)
		if (sv_to_u64(sv_first(sv_skip(s, field[i].at), field[i].n),
			9999, &v[i]) != RC_OK)
			return 0;
	return clk_secs(&(struct clk_tm){.year = (int)v[0],
	    .month = (int)v[1],
	    .day = (int)v[2],
	    .hour = (int)v[3],
	    .minute = (int)v[4],
	    .second = (int)v[5]});
}

int
backup_newest(const char *dir, int64_t *when_out, struct err *err)
{
	struct dirent **e = NULL;
	int n = scandir(dir, &e, only_backups, alphasort), i;

	*when_out = 0;
	if (n < 0)
		return errno == ENOENT ? RC_OK
				       : err_sys(err, RC_IO, errno, "%s", dir);
	for (i = n; i-- > 0; free(e[i]))
		if (*when_out == 0)
			*when_out = read_stamp(sv_skip(
			    sv_str(e[i]->d_name), sizeof BACKUP_PREFIX - 1));
	free(e);
	return RC_OK;
}

static int
read_at(int dirfd, const char *name, struct buf *out, struct err *err)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", name);
	r = io_read_rest(fd, out);
	io_close(&fd);
	return r == RC_OK ? r : err_set(err, r, "%s cannot be read", name);
}

int
backup_manifest(int fd, json_t **out, struct err *err)
{
	struct buf text, want;
	char sha[BACKUP_SHA];
	json_t *m = NULL;
	uint64_t n;
	int file = openat(fd, "manifest.json", O_RDONLY | O_CLOEXEC), r;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&want, 4096);
	r = read_at(fd, "manifest.json", &text, err);
	if (r == RC_OK)
		r = read_at(fd, "manifest.sha256", &want, err);
	if (r == RC_OK && (backup_sum(file, &n, sha) != RC_OK ||
			      !sv_starts(buf_sv(&want), sv_str(sha))))
		r = err_set(
		    err, RC_DAMAGED, "manifest.json does not fit its checksum");
	if (r == RC_OK) {
		m = json_loadb(text.p, text.n, 0, NULL);
		if (!json_is_array(json_object_get(m, "files")) ||
		    json_integer_value(
			json_object_get(m, "hearthmail_backup")) != 1)
			r = err_set(err, RC_NOSUPPORT,
			    "manifest.json is not one that this version knows");
	}
	if (r == RC_OK)
		*out = json_incref(m);
	json_decref(m);
	io_close(&file);
	buf_fini(&want);
	buf_fini(&text);
	return r;
}

/* A path that stays where it is put. */
static bool
is_tame(const char *path)
{
	return path != NULL && path[0] != '/' && path[0] != '\0' &&
	       !sv_starts(sv_str(path), SV("../")) &&
	       strstr(path, "/../") == NULL &&
	       !sv_ends(sv_str(path), SV("/.."));
}

static int
extract_one(int fd, const json_t *file, const char *path, size_t strip, int to,
    struct err *err)
{
	const char *want = json_string_value(json_object_get(file, "sha256"));
	uint64_t size =
	    (uint64_t)json_integer_value(json_object_get(file, "bytes"));
	char sha[BACKUP_SHA];
	uint64_t n = 0;
	int r, in = openat(fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (in < 0)
		return err_sys(err, RC_DAMAGED, errno, "%s", path);
	r = to >= 0
		? backup_copy(in, to, path + strip, UINT64_MAX, &n, sha, err)
		: backup_sum(in, &n, sha);
	io_close(&in);
	if (r != RC_OK)
		return r;
	if (want == NULL || n != size || strcmp(sha, want) != 0)
		return err_set(
		    err, RC_DAMAGED, "%s does not fit its checksum", path);
	return RC_OK;
}

int
backup_extract(int fd, const json_t *manifest, const char *prefix, size_t strip,
    int to, struct err *err)
{
	const json_t *files = json_object_get(manifest, "files");
	size_t n = json_array_size(files);

	for (size_t i = 0; i < n; i++) {
		const json_t *f = json_array_get(files, i);
		const char *path =
		    json_string_value(json_object_get(f, "path"));
		int r;

		if (!is_tame(path))
			return err_set(err, RC_DAMAGED, "a path is not one");
		if (!sv_starts(sv_str(path), sv_str(prefix)))
			continue;
		r = extract_one(fd, f, path, strip, to, err);
		if (r != RC_OK)
			return r;
	}
	return RC_OK;
}

json_t *
backup_accounts(const json_t *manifest)
{
	const json_t *files = json_object_get(manifest, "files");
	json_t *out = json_array();
	size_t n = json_array_size(files);

	for (size_t i = 0; i < n; i++) {
		struct sv path = sv_str(json_string_value(
		    json_object_get(json_array_get(files, i), "path")));
		const char *last = json_string_value(
		    json_array_get(out, json_array_size(out) - 1));
		struct sv name;

		if (!sv_starts(path, SV("data/accounts/")))
			continue;
		path = sv_skip(path, strlen("data/accounts/"));
		name = sv_split(&path, '/');
		/* Its files stand together. */
		if (path.p != NULL &&
		    (last == NULL || !sv_eq(sv_str(last), name)))
			json_array_append_new(
			    out, json_stringn(name.p, name.n));
	}
	return out;
}

static int
anew_inside(void *arg)
{
	const struct store_opts o = {.low_water_bytes = 1};
	struct store *st = NULL;
	struct err err = {.text = ""};
	int r = store_open(".", &o, &st, &err);

	if (r == RC_OK)
		r = store_begin_anew(st, &err);
	store_close(&st);
	return r == RC_OK ? EXIT_FINE
			  : command_fail(arg, EXIT_FAILED, "%s", err.text);
}

int
backup_begin_anew(
    const struct conf *conf, const char *command, const char *folder)
{
	struct buf name;
	int code;

	buf_init(&name, 64);
	buf_adds(&name, command);
	code = confined_run(
	    conf, command, folder, ROLE_ACCOUNT, anew_inside, name.p);
	buf_fini(&name);
	return code;
}
