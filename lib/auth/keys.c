#include "auth/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define AGAIN_MS  10000 /* until keys that could not be had are tried again */
#define DAY_MS	  (24 * 3600 * 1000LL)
#define STEPS_MAX (2 * RING_MAX) /* at a time; the next step goes on */

static int64_t
now_s(void)
{
	return clk_now() / 1000;
}

/* What is written as the date: a clock that is behind is not believed. */
static int64_t
today(const struct keys *k)
{
	return rotation_today(&k->ring, now_s());
}

/* ---- the file ---- */

/* The folder, and its name in the one above, on the disk. */
static int
make_folder(const char *path, struct err *err)
{
	char *copy;
	int fd, r = RC_OK;

	if (mkdir(path, 0700) != 0)
		return errno == EEXIST ? RC_OK
				       : err_sys(err, RC_IO, errno,
					     "cannot make the folder %s", path);
	copy = xstrdup(path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		r = err_sys(err, RC_IO, errno, "cannot flush %s", copy);
	io_close(&fd);
	free(copy);
	return r;
}

static void
put_path(const struct keys *k, const char *folder, struct buf *out)
{
	buf_init(out, 1024);
	buf_addf(out, "%s/%s.pem", folder, k->name);
}

static int
write_ring(const struct keys *k, const char *folder, struct err *err)
{
	struct buf path, text;
	int r;

	put_path(k, folder, &path);
	buf_init(&text, RING_TEXT_MAX);
	/* All of it now: what it grows out of could not be wiped. */
	must(buf_reserve(&text, RING_TEXT_MAX) != NULL);
	r = ring_write(&k->ring, &text);
	if (r != RC_OK)
		r = err_set(err, r, "OpenSSL cannot write a DKIM key");
	if (r == RC_OK)
		r = make_folder(folder, err);
	if (r == RC_OK)
		r = io_replace_file(path.p, buf_sv(&text), 0600, err);
	buf_wipe(&text);
	buf_fini(&path);
	return r;
}

/* After a change; on failure it has not taken place. */
static int
save(struct keys *k, const char *folder, struct err *err)
{
	struct err why = {.text = ""};
	int r = write_ring(k, folder, &why);

	if (r == RC_OK)
		return RC_OK;
	mlog(LOG_ERROR, "dkim.key",
	    "domain=%s text=\"%s; nothing was changed\"", k->name, why.text);
	if (err != NULL)
		*err = why;
	keys_take(k, folder);
	return r;
}

static int
make_first(struct keys *k, const char *folder, struct err *err)
{
	struct dkim_pair pair;
	int r = dkim_pair_make(now_s(), &pair, err);

	if (r != RC_OK)
		return r;
	ring_init(&k->ring);
	ring_add(&k->ring, RING_ACTIVE, now_s(), &pair);
	k->ring.e[0].told = now_s();
	r = write_ring(k, folder, err);
	if (r != RC_OK) {
		ring_fini(&k->ring);
		return r;
	}
	mlog(LOG_INFO, "dkim.new",
	    "domain=%s selectors=%s,%s text=\"publish them: hearthmail dns\"",
	    k->name, k->ring.e[0].pair.selector[0],
	    k->ring.e[0].pair.selector[1]);
	return RC_OK;
}

void
keys_take(struct keys *k, const char *folder)
{
	struct err err = {.text = ""};
	struct buf path, text;
	int r;

	k->tried = clk_mono();
	ring_fini(&k->ring);
	put_path(k, folder, &path);
	buf_init(&text, RING_TEXT_MAX);
	must(buf_reserve(&text, RING_TEXT_MAX) != NULL);
	r = io_read_file(path.p, &text, &err);
	if (r == RC_OK)
		r = ring_read(buf_sv(&text), now_s(), &k->ring, &err);
	else if (r == RC_NOTFOUND)
		r = make_first(k, folder, &err);
	k->ready = r == RC_OK;
	if (r != RC_OK)
		mlog(LOG_ERROR, "dkim.key",
		    "domain=%s file=auth/%s text=\"%s; mail from this domain "
		    "is not sent until it can be signed%s\"",
		    k->name, path.p, err.text,
		    r == RC_DAMAGED
			? ": restore the file, or move it away for a new pair"
			: "");
	buf_wipe(&text);
	buf_fini(&path);
}

void
keys_try_again(struct keys *k, const char *folder)
{
	if (!k->ready && clk_mono() - k->tried >= AGAIN_MS)
		keys_take(k, folder);
}

void
keys_init(struct keys *k, const char *name)
{
	*k = (struct keys){.name = xstrdup(name)};
}

void
keys_fini(struct keys *k)
{
	ring_fini(&k->ring);
	free(k->name);
	k->name = NULL;
}

const struct dkim_pair *
keys_active(const struct keys *k)
{
	must(k->ready);
	return &k->ring.e[0].pair;
}

/* ---- changes ---- */

static void
log_change(const struct keys *k, const char *selector, const char *what)
{
	mlog(LOG_INFO, "dkim.change", "domain=%s selector=%s state=%s", k->name,
	    selector, what);
}

int
keys_rotate(struct keys *k, const char *folder, struct err *err)
{
	const struct ring_entry *e = rotation_awaited(&k->ring);
	char selector[DKIM_SELECTOR_MAX];
	struct dkim_pair pair;
	int r;

	if (e != NULL)
		return err_set(err, RC_EXISTS,
		    "a new key, %s, waits for its records already",
		    e->pair.selector[0]);
	if (!ring_has_room(&k->ring))
		return err_set(err, RC_DENIED,
		    "there are too many keys whose records are still needed; "
		    "retire one of them first");
	r = dkim_pair_make(today(k), &pair, err);
	if (r != RC_OK)
		return r;
	/* One in a million, and it would never be noticed. */
	if (ring_named(&k->ring, sv_str(pair.selector[0])) != NULL) {
		dkim_pair_fini(&pair);
		return err_set(err, RC_TEMP, "try again");
	}
	(void)snprintf(selector, sizeof selector, "%s", pair.selector[0]);
	ring_add(&k->ring, RING_ANNOUNCED, today(k), &pair);
	k->why[0] = '\0';
	r = save(k, folder, err);
	if (r == RC_OK)
		log_change(k, selector, "announced");
	return r;
}

static int
retire(
    struct keys *k, const char *folder, struct ring_entry *e, struct err *err)
{
	char selector[DKIM_SELECTOR_MAX];
	int r;

	(void)snprintf(selector, sizeof selector, "%s", e->pair.selector[0]);
	ring_move(&k->ring, e, RING_RETIRED, today(k));
	r = save(k, folder, err);
	if (r == RC_OK)
		log_change(k, selector, "retired");
	return r;
}

static void
note_active(struct keys *k, enum rotation_seen seen, const char *why)
{
	k->active = seen;
	k->active_due = seen == ROTATION_THERE ? clk_mono() + DAY_MS : 0;
	(void)snprintf(k->active_why, sizeof k->active_why, "%s", why);
}

static int
no_such(const struct keys *k, struct sv selector, struct err *err)
{
	return err_set(err, RC_NOTFOUND,
	    "%s has no key with the selector \"%.*s\"", k->name,
	    SV_ARG(sv_first(selector, DKIM_SELECTOR_MAX)));
}

static int
activate(struct keys *k, const char *folder, struct ring_entry *e,
    enum rotation_seen seen, struct err *err)
{
	char selector[DKIM_SELECTOR_MAX];
	int r;

	(void)snprintf(selector, sizeof selector, "%s", e->pair.selector[0]);
	ring_move(&k->ring, e, RING_ACTIVE, today(k));
	note_active(k, seen, "");
	r = save(k, folder, err);
	if (r == RC_OK)
		log_change(k, selector, "active");
	return r;
}

int
keys_use(
    struct keys *k, const char *folder, struct sv selector, struct err *err)
{
	struct ring_entry *e = ring_named(&k->ring, selector);

	if (e == NULL)
		return no_such(k, selector, err);
	if (e->state == RING_ACTIVE)
		return err_set(err, RC_EXISTS, "it is in use already");
	if (e->state != RING_ANNOUNCED)
		return err_set(err, RC_DENIED,
		    "it was in use before; \"hearthmail dkim rotate %s\" "
		    "makes a new one",
		    k->name);
	return activate(k, folder, e, ROTATION_UNKNOWN, err);
}

int
keys_retire(
    struct keys *k, const char *folder, struct sv selector, struct err *err)
{
	struct ring_entry *e = ring_named(&k->ring, selector);

	if (e == NULL)
		return no_such(k, selector, err);
	if (e->state == RING_ACTIVE)
		return err_set(err, RC_DENIED,
		    "this key signs the mail of %s; it can be retired when "
		    "another one has taken its place: \"hearthmail dkim "
		    "rotate %s\" makes one",
		    k->name, k->name);
	if (e->state == RING_RETIRED)
		return err_set(err, RC_EXISTS, "it is retired already");
	return retire(k, folder, e, err);
}

static void
be_today(struct ring_entry *e)
{
	int64_t now = now_s();

	if (e->since > now)
		e->since = now;
	if (e->told > now)
		e->told = now;
	if (e->state == RING_ANNOUNCED && e->seen > now)
		e->seen = 0;
}

const struct ring_entry *
keys_step(struct keys *k, const char *folder, const struct rotation_policy *p)
{
	struct ring_entry *e = NULL;
	int i, r = RC_OK;

	for (i = 0; k->ready && r == RC_OK && i < STEPS_MAX; i++)
		switch (rotation_next(
		    &k->ring, &k->rotation, p, now_s(), clk_mono(), &e)) {
		case ROTATION_DATE:
			be_today(e);
			r = save(k, folder, NULL);
			break;
		case ROTATION_SAVE:
			r = save(k, folder, NULL);
			break;
		case ROTATION_MAKE:
			r = keys_rotate(k, folder, NULL);
			break;
		case ROTATION_RETIRE:
			r = retire(k, folder, e, NULL);
			break;
		case ROTATION_TELL:
			return e;
		case ROTATION_NOTHING:
			return NULL;
		}
	return NULL;
}

void
keys_told(
    struct keys *k, const char *folder, const char *selector, enum ring_state s)
{
	struct ring_entry *e =
	    k->ready ? ring_named(&k->ring, sv_str(selector)) : NULL;

	if (e == NULL || e->state != s)
		return;
	e->told = today(k);
	(void)save(k, folder, NULL);
}

void
keys_seen(struct keys *k, const char *folder, const struct rotation_policy *p,
    const char *selector, enum rotation_seen seen, uint32_t negative_ttl_s,
    const char *why)
{
	struct ring_entry *e =
	    k->ready ? ring_named(&k->ring, sv_str(selector)) : NULL;
	int64_t before;

	if (e != NULL && e->state == RING_ACTIVE)
		note_active(k, seen, why);
	if (e == NULL || e != rotation_awaited(&k->ring))
		return;
	(void)snprintf(k->why, sizeof k->why, "%s", why);
	before = e->seen;
	if (rotation_seen(
		&k->rotation, e, p, seen, negative_ttl_s, today(k), clk_mono()))
		(void)activate(k, folder, e, ROTATION_THERE, NULL);
	else if (e->seen != before)
		(void)save(k, folder, NULL);
}

bool
keys_active_due(const struct keys *k)
{
	/* Names that somebody else has given are not asked for
	 * (cmd/run/dns.c). */
	return k->ready && clk_mono() >= k->active_due &&
	       dkim_selector_is_made(sv_str(k->ring.e[0].pair.selector[0])) &&
	       dkim_selector_is_made(sv_str(k->ring.e[0].pair.selector[1]));
}

int64_t
keys_ask_in(const struct keys *k)
{
	const struct ring_entry *e =
	    k->ready ? rotation_awaited(&k->ring) : NULL;

	return e != NULL &&
		       strcmp(e->pair.selector[0], k->rotation.selector) == 0
		   ? rotation_ask_in(&k->rotation, clk_mono())
		   : -1;
}

void
keys_list(
    const struct keys *k, const struct rotation_policy *p, struct buf *out)
{
	const struct ring_entry *e;
	struct notice_dns w = {.why = k->why,
	    .seen_ms = -1,
	    .wait_ms = k->rotation.wait,
	    .active = k->active,
	    .active_why = k->active_why};

	if (!k->ready) {
		buf_addf(out,
		    "%s\n  its keys cannot be read; the log says "
		    "why: dkim.key\n",
		    k->name);
		return;
	}
	e = rotation_awaited(&k->ring);
	if (e != NULL && strcmp(k->rotation.selector, e->pair.selector[0]) == 0)
		w.seen_ms = rotation_seen_for(&k->rotation, clk_mono());
	notice_list(k->name, &k->ring, p, &w, out);
}
