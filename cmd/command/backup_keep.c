/* `backup`: what each account has, and which backups may go. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/command/backup_parts.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"

/* So many may go without a word; of a small account half of it. */
#define FEW 10

/* ---- counting ---- */

struct counting {
	int out;
	struct store_counts counts;
	struct err err;
};

static int
count_inside(void *arg)
{
	struct counting *x = arg;
	int r = RC_IO;

	/* A compaction may take a file away while it is read. */
	for (unsigned i = 0; i < 3 && r != RC_OK; i++)
		r = store_count(".", &x->counts, &x->err);
	return io_write_all(x->out, x, sizeof *x) == RC_OK && r == RC_OK
		   ? EXIT_FINE
		   : EXIT_FAILED;
}

int
backup_count(const struct conf *conf, const char *name,
    struct store_counts *out, struct err *err)
{
	struct counting x = {.err.text = ""}, got = {.err.text = ""};
	struct buf path;
	int p[2], code;

	if (pipe2(p, O_CLOEXEC) != 0)
		return err_set(err, RC_IO, "its messages cannot be counted");
	x.out = p[1];
	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts/%s", conf->data, name);
	code = confined_run(
	    conf, "backup", path.p, ROLE_ACCOUNT, count_inside, &x);
	io_close(&p[1]);
	if (read(p[0], &got, sizeof got) != (ssize_t)sizeof got)
		code = EXIT_FAILED;
	got.err.text[sizeof got.err.text - 1] = '\0';
	io_close(&p[0]);
	buf_fini(&path);
	*out = got.counts;
	if (code == EXIT_FINE)
		return RC_OK;
	return got.err.text[0] != '\0'
		   ? err_set(err, RC_DAMAGED, "%s", got.err.text)
		   : err_set(err, RC_IO, "its messages cannot be counted");
}

json_t *
backup_messages(const json_t *manifest)
{
	json_t *out = json_object(), *names = backup_accounts(manifest);

	/* Older versions count nothing. */
	for (size_t i = 0; i < json_array_size(names); i++)
		json_object_set_new(out,
		    json_string_value(json_array_get(names, i)), json_null());
	json_object_update(out, json_object_get(manifest, "accounts"));
	json_decref(names);
	return out;
}

/* ---- which may go ---- */

/* has against most: the largest number in any newer one, null: it is in one
 * that does not know how much; NULL: in none. */
static bool
is_worth_keeping(const json_t *has, const json_t *most)
{
	json_int_t n = json_integer_value(has), m = json_integer_value(most);

	if (json_is_integer(has) && n == 0)
		return false;
	if (most == NULL || !json_is_integer(has))
		return most == NULL;
	if (m == 0)
		return true;
	return m < n / 2 && n - m >= FEW;
}

/* The account that keeps it; NULL: none. */
static const char *
kept_for(const struct conf *conf, json_t *has, const json_t *most)
{
	const char *name;
	json_t *v;

	json_object_foreach(has, name, v)
	{
		if (conf_account_by_name(conf, sv_str(name)) >= 0 &&
		    is_worth_keeping(v, json_object_get(most, name)))
			return name;
	}
	return NULL;
}

static void
remember_most(json_t *most, json_t *has)
{
	const char *name;
	json_t *v;

	json_object_foreach(has, name, v)
	{
		const json_t *m = json_object_get(most, name);

		if (m == NULL || json_integer_value(v) > json_integer_value(m))
			json_object_set(most, name, v);
	}
}

static json_t *
messages_in(int fd, const char *name)
{
	int dir = backup_folder(fd, name);
	json_t *manifest = NULL, *has = NULL;
	struct err err;

	if (dir >= 0 && backup_manifest(dir, &manifest, &err) == RC_OK)
		has = backup_messages(manifest);
	json_decref(manifest);
	io_close(&dir);
	return has != NULL ? has : json_object();
}

static void
remove_whole(int fd, const char *name)
{
	struct buf part;

	/* Half removed it must not look whole. */
	buf_init(&part, 512);
	buf_addf(&part, "%s%s", name, BACKUP_PART);
	if (renameat(fd, name, fd, part.p) == 0)
		backup_remove(fd, part.p);
	buf_fini(&part);
}

/* One that is older than those that are kept. */
static void
judge(const struct conf *conf, int fd, const char *name, json_t *most)
{
	json_t *has = messages_in(fd, name);
	const char *account = kept_for(conf, has, most);

	if (account == NULL) {
		remove_whole(fd, name);
	} else {
		printf("%s is kept, because no newer backup has as much mail "
		       "of %s; if that is intended, remove it by hand\n",
		    name, account);
		remember_most(most, has);
	}
	json_decref(has);
}

void
backup_clear_up(
    const struct conf *conf, int fd, uint32_t keep, const char *made)
{
	struct dirent **e = NULL;
	int n = scandirat(fd, ".", &e, NULL, alphasort);
	json_t *most = json_object(), *has;
	uint32_t whole = 0;

	for (int i = n; i-- > 0; free(e[i])) {
		struct sv name = sv_str(e[i]->d_name);

		if (!sv_starts(name, SV(BACKUP_PREFIX)))
			continue;
		if (sv_ends(name, SV(BACKUP_PART))) {
			backup_remove(fd, name.p);
		} else if (keep > 0 && ++whole > keep &&
			   strcmp(name.p, made) != 0) {
			judge(conf, fd, name.p, most);
		} else if (keep > 0) {
			has = messages_in(fd, name.p);
			remember_most(most, has);
			json_decref(has);
		}
	}
	free(e);
	json_decref(most);
}
