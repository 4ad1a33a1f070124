#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "backup/backup.h"

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
		if (n < 0)
			r = err_sys(err, RC_NOTFOUND, errno, "%s", dir);
		if (n > 0)
			buf_addf(name, "%s/%s", dir, e[n - 1]->d_name);
		for (int i = 0; i < n; i++)
			free(e[i]);
		free(e);
		if (n == 0)
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
	int fd = backup_open_file(dirfd, name, err), r;

	if (fd < 0)
		return RC_DAMAGED;
	r = io_read_rest(fd, out);
	io_close(&fd);
	return r == RC_OK ? r
			  : err_set(err, RC_DAMAGED, "%s cannot be read", name);
}

/* By libsodium: the supervisor, which looks here at times, has no OpenSSL. */
static bool
is_sum_of(struct sv want, struct sv text)
{
	unsigned char sum[crypto_hash_sha256_BYTES];
	char sha[BACKUP_SHA];

	(void)crypto_hash_sha256(sum, (const unsigned char *)text.p, text.n);
	(void)sodium_bin2hex(sha, sizeof sha, sum, sizeof sum);
	return sv_starts(want, sv_str(sha));
}

int
backup_manifest(int fd, json_t **out, struct err *err)
{
	struct buf text, want;
	json_t *m = NULL;
	int r;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&want, 4096);
	r = read_at(fd, "manifest.json", &text, err);
	if (r == RC_OK)
		r = read_at(fd, "manifest.sha256", &want, err);
	if (r == RC_OK && !is_sum_of(buf_sv(&want), buf_sv(&text)))
		r = err_set(err, RC_DAMAGED,
		    "manifest.json does not match its checksum");
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

bool
backup_fits(const json_t *file, uint64_t bytes, const char *sha)
{
	const char *want = json_string_value(json_object_get(file, "sha256"));

	return want != NULL && strcmp(sha, want) == 0 &&
	       (uint64_t)json_integer_value(json_object_get(file, "bytes")) ==
		   bytes;
}

/* A journal knows itself what of a file is good. */
static bool
is_journal(const char *path)
{
	return strstr(path, "/log/") != NULL;
}

static int
put_aside(int to, const char *path, struct err *err)
{
	struct buf name;
	int r = RC_OK;

	buf_init(&name, 4096);
	buf_addf(&name, "%s" BACKUP_DAMAGED, path);
	if (renameat(to, path, to, name.p) != 0)
		r = err_sys(err, RC_IO, errno, "%s", name.p);
	buf_fini(&name);
	return r;
}

static int
extract_one(int fd, const json_t *file, const char *path, size_t strip, int to,
    unsigned *bad, struct err *err)
{
	struct err why = {.text = ""};
	char sha[BACKUP_SHA] = "";
	uint64_t n = 0;
	int r = RC_OK, in = backup_open_file(fd, path, &why);

	if (in >= 0)
		r = to >= 0 ? backup_copy(in, to, path + strip, UINT64_MAX, &n,
				  sha, err)
			    : backup_sum(in, &n, sha);
	if (r != RC_OK && r != RC_DAMAGED) {
		io_close(&in);
		return r;
	}
	if (in >= 0 && r == RC_OK &&
	    !json_is_true(json_object_get(file, "unlisted")) &&
	    !backup_fits(file, n, sha))
		r = err_set(
		    &why, RC_DAMAGED, "%s does not match its checksum", path);
	else if (r == RC_DAMAGED)
		(void)err_set(
		    &why, r, "%s: the disk cannot read all of it", path);
	if (in >= 0 && r == RC_OK)
		goto out;
	if (bad != NULL) {
		fprintf(stderr, "%s\n", why.text);
		++*bad;
	}
	r = RC_OK;
	if (in >= 0 && to >= 0 && !is_journal(path))
		r = put_aside(to, path + strip, err);
out:
	io_close(&in);
	return r;
}

int
backup_extract(int fd, const json_t *manifest, const char *prefix, size_t strip,
    int to, unsigned *bad, struct err *err)
{
	const json_t *files = json_object_get(manifest, "files");
	size_t n = json_array_size(files);
	int r = RC_OK;

	for (size_t i = 0; i < n && r == RC_OK; i++) {
		const json_t *f = json_array_get(files, i);
		const char *path =
		    json_string_value(json_object_get(f, "path"));

		if (!is_tame(path))
			return err_set(err, RC_DAMAGED, "a path is not one");
		if (sv_starts(sv_str(path), sv_str(prefix)))
			r = extract_one(fd, f, path, strip, to, bad, err);
	}
	return r;
}

/* ---- without a manifest ---- */

static void
list_files(int above, const char *name, struct buf *path, json_t *files)
{
	int fd = backup_folder(above, name), n;
	struct dirent **e = NULL;
	size_t had = path->n;

	if (fd < 0)
		return;
	n = scandirat(fd, ".", &e, NULL, alphasort);
	for (int i = 0; i < n; free(e[i++])) {
		struct stat st;

		if (e[i]->d_name[0] == '.' ||
		    fstatat(fd, e[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		buf_addf(path, "%s%s", had > 0 ? "/" : "", e[i]->d_name);
		if (S_ISDIR(st.st_mode))
			list_files(fd, e[i]->d_name, path, files);
		else if (S_ISREG(st.st_mode))
			json_array_append_new(
			    files, json_pack("{s:s,s:b}", "path", path->p,
				       "unlisted", 1));
		buf_truncate(path, had);
	}
	free(e);
	io_close(&fd);
}

int
backup_manifest_anew(int fd, json_t **out, struct err *err)
{
	json_t *files = json_array();
	struct buf path;

	buf_init(&path, 4096);
	list_files(fd, ".", &path, files);
	buf_fini(&path);
	if (json_array_size(files) == 0) {
		json_decref(files);
		return err_set(err, RC_NOTFOUND, "the backup is empty");
	}
	*out = json_pack("{s:o}", "files", files);
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
		/* Its files are listed together. */
		if (path.p != NULL &&
		    (last == NULL || !sv_eq(sv_str(last), name)))
			json_array_append_new(
			    out, json_stringn(name.p, name.n));
	}
	return out;
}
