/* `restore` of a folder or a message. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/restore.h"
#include "imap/client/client.h"
#include "imap/parse/parse.h"
#include "store/fsck.h"
#include "store/store.h"

#define HEADER_MAX  (256u << 10)
#define FLUSH_EVERY 100u
#define ANSWER_MS   60000
#define SESSION_WHO 0x726573746f7265ull /* "restore" */

struct picking {
	struct restore *x;
	struct store *from, *to;
	struct imap_client *client; /* in the place of `to` */
	struct buf line;
	struct view *v;
	const char *keyword[64];
	size_t nkeyword;
	uint32_t done, unread;
	uint64_t need;
};

/* Before it is read: only one UID may be wanted. */
static bool
may_be_wanted(const struct picking *p, const struct store_msg *m, bool *sure)
{
	const char *which = p->x->message;
	uint32_t uid;

	*sure = which == NULL ||
		sv_to_u32(sv_str(which), UINT32_MAX, &uid) == RC_OK;
	return which == NULL || !*sure || m->uid == uid;
}

/* A text in the header. */
static bool
is_wanted(const struct picking *p, struct sv bytes)
{
	const char *which = p->x->message;
	struct sv header;

	header = sv_first(bytes, sv_find(bytes, SV("\r\n\r\n")));
	header = sv_first(header, HEADER_MAX);
	return sv_ifind(header, sv_str(which)) < header.n;
}

/* ---- into the account, directly ---- */

static int
add_directly(struct picking *p, const struct store_msg *m, struct sv bytes,
    struct err *err)
{
	struct sv keyword[64];
	struct store_add a = {.mailbox = p->x->folder,
	    .flags = {.system = m->system & ~STORE_DELETED, .keyword = keyword},
	    .internal_date = m->internal_date,
	    .zone = m->zone};
	struct store_body *b = store_body_new(p->to);
	struct store_added out;
	int r = store_body_add(b, bytes.p, bytes.n);

	for (size_t i = 0; i < p->nkeyword; i++)
		if (m->keywords >> i & 1)
			keyword[a.flags.nkeyword++] = sv_str(p->keyword[i]);
	if (r == RC_OK)
		r = store_add(p->to, &b, &a, &out, &p->need, err);
	else
		(void)err_set(err, r, "the message cannot be written");
	store_body_free(&b);
	if (r == RC_OK && (p->done + 1) % FLUSH_EVERY == 0)
		r = store_flush(p->to, p->need);
	return r;
}

static int
make_directly(struct picking *p, struct err *err)
{
	int r = store_mailbox_create(
	    p->to, p->x->folder, STORE_USE_NONE, &p->need, err);

	return r == RC_EXISTS ? RC_OK : r;
}

/* ---- through a session ---- */

static void
put_flags(struct picking *p, const struct store_msg *m)
{
	static const char *const name[] = {
	    "\\Seen", "\\Answered", "\\Flagged", NULL, "\\Draft"};
	const char *gap = " (";

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (name[i] != NULL && (m->system >> i & 1)) {
			buf_addf(&p->line, "%s%s", gap, name[i]);
			gap = " ";
		}
	for (size_t i = 0; i < p->nkeyword; i++)
		if (m->keywords >> i & 1) {
			buf_addf(&p->line, "%s%s", gap, p->keyword[i]);
			gap = " ";
		}
	if (gap[1] == '\0')
		buf_addc(&p->line, ')');
}

static int
add_by_session(struct picking *p, const struct store_msg *m, struct sv bytes,
    struct err *err)
{
	int r;

	buf_reset(&p->line);
	buf_adds(&p->line, "APPEND ");
	imap_put_mailbox(&p->line, sv_str(p->x->folder), false);
	put_flags(p, m);
	buf_addc(&p->line, ' ');
	imap_put_date_time(&p->line, m->internal_date, m->zone);
	buf_addc(&p->line, ' ');
	imap_client_begin(p->client);
	imap_client_text(p->client, buf_sv(&p->line));
	r = imap_client_literal(p->client, bytes.n,
	    bytes.n > 0 && memchr(bytes.p, '\0', bytes.n) != NULL, err);
	if (r == RC_OK)
		imap_client_bytes(p->client, bytes);
	return r == RC_OK ? imap_client_end(p->client, NULL, err) : r;
}

static int
make_by_session(struct picking *p, struct err *err)
{
	int r = imap_client_join(p->client, SV("local"), err);

	if (r != RC_OK)
		return r;
	buf_adds(&p->line, "CREATE ");
	imap_put_mailbox(&p->line, sv_str(p->x->folder), false);
	r = imap_client_command(p->client, NULL, buf_sv(&p->line), err);
	/* It is there, most likely; if not, the first APPEND says why. */
	return r == RC_PERM ? RC_OK : r;
}

static int
pick_add(struct picking *p, const struct store_msg *m, struct sv bytes,
    struct err *err)
{
	int r = p->client != NULL ? add_by_session(p, m, bytes, err)
				  : add_directly(p, m, bytes, err);

	p->done += r == RC_OK;
	return r;
}

/* ---- out of the backup ---- */

static int
pick_one(struct picking *p, uint32_t seqno, struct err *err)
{
	struct store_msg m;
	uint64_t need = 0;
	char *bytes;
	bool sure;
	int r;

	if (view_msgs(p->v, seqno, 1, &m, &need) != 1 ||
	    !may_be_wanted(p, &m, &sure))
		return RC_OK;
	bytes = xmalloc((size_t)m.size + 1);
	r = store_read(p->from, m.body, 0, bytes, m.size);
	if (r != RC_OK) {
		fprintf(stderr, "UID %u in the backup cannot be read\n", m.uid);
		p->unread++;
		r = RC_OK;
	} else if (sure || is_wanted(p, sv_of(bytes, m.size))) {
		r = pick_add(p, &m, sv_of(bytes, m.size), err);
	}
	free(bytes);
	return r;
}

static int
no_such_folder(struct picking *p, struct err *err)
{
	struct sv folder = sv_str(p->x->folder);
	struct store_mailbox_list l;
	struct sv_nearest near = {.word = folder};
	struct buf names;
	uint64_t need = 0;

	buf_init(&names, 4096);
	store_mailbox_list(p->from, &l, &need);
	for (size_t i = 0; i < l.n; i++) {
		if (!l.m[i].exists || !l.m[i].selectable || l.m[i].in_restore)
			continue;
		sv_nearest(&near, sv_str(l.m[i].name));
		buf_addf(&names, "%s%s", names.n > 0 ? ", " : "", l.m[i].name);
	}
	if (near.best.n > 0)
		(void)command_fail("restore", EXIT_FAILED,
		    "the backup has no folder \"%.*s\"; did you mean \"%.*s\"?",
		    SV_ARG(folder), SV_ARG(near.best));
	else
		(void)command_fail("restore", EXIT_FAILED,
		    "the backup has no folder \"%.*s\"; folders of %s: %s",
		    SV_ARG(folder), p->x->account,
		    names.n > 0 ? names.p : "none");
	store_mailbox_list_fini(&l);
	buf_fini(&names);
	return err_set(err, RC_NOTFOUND, "no such folder");
}

static int
pick(struct picking *p, struct err *err)
{
	const char *folder = p->x->folder;
	uint64_t need = 0;
	int r = view_open(p->from, folder, true, NULL, NULL, &p->v, &need);

	if (r != RC_OK)
		return r == RC_NOTFOUND
			   ? no_such_folder(p, err)
			   : err_set(err, r,
				 "the folder \"%s\" of the backup cannot be "
				 "opened",
				 folder);
	p->nkeyword = view_keywords(p->v, p->keyword);
	r = p->client != NULL ? make_by_session(p, err) : make_directly(p, err);
	for (uint32_t i = 1; i <= view_count(p->v) && r == RC_OK; i++)
		r = pick_one(p, i, err);
	if (r == RC_OK && p->to != NULL && store_flush(p->to, p->need) != RC_OK)
		r = err_set(err, RC_IO, "the journal cannot be written");
	if (r == RC_OK && p->done + p->unread == 0 && p->x->message != NULL)
		r = err_set(
		    err, RC_NOTFOUND, "no message in \"%s\" matches", folder);
	view_close(&p->v);
	return r;
}

/* What a bad file has hidden is brought back first. */
static int
open_backup(const struct restore *x, struct store **from, struct err *err)
{
	const struct store_opts o = {.io = NULL};
	const struct fsck_opts f = {.online = false};
	struct fsck_report before = {0}, after = {0};
	struct fsck_repaired done = {0};
	uint64_t lost = 0;

	if (x->bad > 0 &&
	    fsck_repair(SCRATCH, &f, &before, &after, &done, err) == RC_OK)
		lost = done.lost_found - done.unverified;
	if (lost > 0)
		printf("%llu message%s in the backup %s folder: "
		       "use --folder " FSCK_LOST_FOUND "\n",
		    (unsigned long long)lost, plural(lost),
		    each(lost, "has lost its", "have lost their"));
	fsck_report_fini(&before);
	fsck_report_fini(&after);
	return store_open(SCRATCH, &o, from, err);
}

static int
pick_inside(void *arg)
{
	const struct store_opts o = {.io = NULL};
	struct picking p = {.x = arg};
	struct err err = {.text = ""};
	int r = RC_OK;

	buf_init(&p.line, 65536);
	if (p.x->session >= 0)
		p.client = imap_client_new(p.x->session, ANSWER_MS);
	else
		r = store_open(".", &o, &p.to, &err);
	if (r == RC_OK)
		r = open_backup(p.x, &p.from, &err);
	if (r == RC_OK)
		r = pick(&p, &err);
	if (p.client != NULL)
		imap_client_logout(p.client);
	imap_client_free(&p.client);
	buf_fini(&p.line);
	store_close(&p.from);
	store_close(&p.to);
	if (r != RC_OK)
		return command_fail("restore", EXIT_FAILED, "%s%s", err.text,
		    r == RC_TEMP ? "; stop the server first" : "");
	printf("%u message%s %s restored to \"%s\" of %s", p.done,
	    plural(p.done), each(p.done, "was", "were"), p.x->folder,
	    p.x->account);
	if (p.unread > 0)
		printf("; %u in the backup could not be read", p.unread);
	printf("\n");
	return p.unread == 0 ? EXIT_FINE : EXIT_FAILED;
}

int
restore_pieces(struct restore *x, struct err *err)
{
	int running = command_connect(x->conf, "keeper.sock");
	struct buf path, prefix;
	int home, r = RC_OK;

	x->session = -1;
	if (running >= 0)
		r = command_session(
		    x->conf, x->account, SESSION_WHO, &x->session, err);
	io_close(&running);
	buf_init(&path, 4096);
	buf_init(&prefix, 4096);
	buf_addf(&path, "accounts/%s", x->account);
	buf_addf(&prefix, "data/%s/", path.p);
	home = backup_folder(x->data, path.p);
	if (r == RC_OK && home < 0)
		r = err_sys(err, RC_IO, errno, "%s/%s", x->conf->data, path.p);
	if (r == RC_OK) {
		int part = -1;

		backup_remove(home, SCRATCH);
		if (mkdirat(home, SCRATCH, 0700) == 0)
			part = backup_folder(home, SCRATCH);
		r = part >= 0 ? backup_extract(x->fd, x->manifest, prefix.p,
				    prefix.n, part, &x->bad, err)
			      : err_sys(err, RC_IO, errno, SCRATCH);
		io_close(&part);
		backup_own(home, SCRATCH, x->user[ROLE_ACCOUNT].uid,
		    x->user[ROLE_ACCOUNT].gid);
	}
	buf_reset(&prefix);
	buf_addf(&prefix, "%s/%s", x->conf->data, path.p);
	if (r == RC_OK && confined_run(x->conf, "restore", prefix.p,
			      ROLE_ACCOUNT, pick_inside, x) != EXIT_FINE)
		r = err_set(err, RC_IO, "nothing more was restored");
	x->found = r == RC_OK && x->message != NULL;
	if (home >= 0)
		backup_remove(home, SCRATCH);
	io_close(&home);
	io_close(&x->session);
	buf_fini(&prefix);
	buf_fini(&path);
	return r;
}
