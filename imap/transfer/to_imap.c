/*
 * Into an IMAP server, ours or another: messages gather to batches of about a
 * megabyte, a batch is noted in the state and sent, and what the server says
 * OK to has come (transfer/state.h).
 */
#include <stdlib.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "imap/transfer/area.h"
#include "imap/transfer/state.h"
#include "imap/transfer/to_imap.h"

/* The name of a key's kind; the state's files have hashes over them. */
#define BY_KEY	   "source"
#define BY_CONTENT "content"

int
to_imap_log(struct to_imap *t, struct err *err)
{
	int r = RC_OK;

	if (t->log.n > 0)
		r = broker_log(t->x->broker, buf_sv(&t->log), err);
	buf_reset(&t->log);
	return r;
}

/* ---- sending ---- */

struct sending {
	struct imap_client *c;
};

static int
send_piece(void *arg, struct sv piece)
{
	struct sending *s = arg;

	imap_client_bytes(s->c, piece);
	return RC_OK;
}

/* [SP flag-list] [SP date-time] SP literal */
static int
send_message(struct to_imap *t, const struct batch_msg *m, bool keywords,
    struct err *err)
{
	struct sending s = {t->c};
	struct sv flags = sv_of(t->flags.p + m->flags, m->nflags);
	bool any = false;
	struct buf b;
	int r;

	buf_init(&b, m->nflags + 128);
	buf_adds(&b, " (");
	while (flags.n > 0) {
		struct sv f = sv_split(&flags, ' ');

		if (f.n == 0 || (!keywords && f.p[0] != '\\'))
			continue;
		if (any)
			buf_addc(&b, ' ');
		buf_addsv(&b, f);
		any = true;
	}
	buf_addc(&b, ')');
	if (m->date != 0) {
		buf_addc(&b, ' ');
		imap_put_date_time(&b, m->date, m->zone);
	}
	buf_addc(&b, ' ');
	imap_client_text(t->c, buf_sv(&b));
	buf_fini(&b);
	r = imap_client_literal(t->c, m->size, m->nul, err);
	if (r == RC_OK)
		r = area_each(&t->area, m->off, m->size, send_piece, &s, err);
	return r;
}

static void
append_begin(struct to_imap *t)
{
	struct buf b;

	buf_init(&b, 16384);
	buf_adds(&b, "APPEND ");
	to_imap_put_name(t, buf_sv(&t->try.folder), &b);
	imap_client_begin(t->c);
	imap_client_text(t->c, buf_sv(&b));
	buf_fini(&b);
}

/* The UIDs of the next try begin here. */
static void
note_appended(struct to_imap *t)
{
	uint32_t validity, last;

	t->uidnext_known = sv_ieq(imap_client_code(t->c), SV("APPENDUID")) &&
			   imap_appenduid_parse(imap_client_code_args(t->c),
			       &validity, &last) == RC_OK &&
			   validity == t->uidvalidity && last < UINT32_MAX;
	if (t->uidnext_known)
		t->uidnext = last + 1;
}

static int
append_all(struct to_imap *t, struct err *err)
{
	size_t i;
	int r = RC_OK;

	append_begin(t);
	for (i = 0; i < t->try.n && r == RC_OK; i++)
		r = send_message(t, &t->msg[i], true, err);
	if (r == RC_OK)
		r = imap_client_end(t->c, NULL, err);
	if (r == RC_OK)
		note_appended(t);
	return r;
}

static int
append_one(struct to_imap *t, size_t i, bool keywords, struct err *err)
{
	int r;

	append_begin(t);
	r = send_message(t, &t->msg[i], keywords, err);
	if (r == RC_OK)
		r = imap_client_end(t->c, NULL, err);
	if (r == RC_OK)
		note_appended(t);
	return r;
}

/* A refusal that the next message would get as well, in whatever mailbox. */
static bool
is_fatal(struct to_imap *t)
{
	static const struct sv codes[] = {{"OVERQUOTA", 9}, {"UNAVAILABLE", 11},
	    {"SERVERBUG", 9}, {"INUSE", 5}, {"CONTACTADMIN", 12},
	    {"EXPIRED", 7}};
	size_t i;

	for (i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (sv_ieq(imap_client_code(t->c), codes[i]))
			return true;
	return false;
}

/* Was this message, or one of the batch, refused for itself?  A BAD means no
 * better; but bytes that are not IMAP say nothing of what has come. */
static bool
is_own_fault(struct to_imap *t, int r)
{
	if (!imap_client_usable(t->c))
		return false;
	return r == RC_SYNTAX || (r == RC_PERM && !is_fatal(t));
}

static bool
has_keywords(const struct to_imap *t, const struct batch_msg *m)
{
	struct sv flags = sv_of(t->flags.p + m->flags, m->nflags);

	while (flags.n > 0) {
		struct sv f = sv_split(&flags, ' ');

		if (f.n > 0 && f.p[0] != '\\')
			return true;
	}
	return false;
}

static struct sv
batch_name(const struct to_imap *t, size_t i)
{
	return sv_of(t->names.p + t->msg[i].name, t->msg[i].nname);
}

/* ---- messages at which the server hangs up ---- */

static struct transfer_broken *
find_broken(struct to_imap *t, size_t i)
{
	uint32_t id = be_get32(t->try.msg[i].key.b) | 1;
	size_t k;

	for (k = 0; k < t->x->nbroken; k++) {
		struct transfer_broken *b = &t->x->broken[k];

		if (b->uid == id && b->uidvalidity == 0 &&
		    sv_eq(sv_str(b->folder), buf_sv(&t->source)))
			return b;
	}
	return NULL;
}

static bool
hangs_up(struct to_imap *t, size_t i)
{
	const struct transfer_broken *b = find_broken(t, i);

	return b != NULL && b->alone >= TRANSFER_BROKEN_ALONE;
}

static bool
has_hung_up(const struct to_imap *t, int r)
{
	return t->c != t->x->own &&
	       (r == RC_EOF || r == RC_IO || r == RC_TIMEOUT);
}

static void
note_broken(struct to_imap *t, size_t i)
{
	struct transfer_broken *b = find_broken(t, i);

	if (b == NULL && t->x->nbroken < TRANSFER_BROKEN_MAX) {
		b = &t->x->broken[t->x->nbroken++];
		*b = (struct transfer_broken){
		    .folder = sv_dup(buf_sv(&t->source)),
		    .uid = be_get32(t->try.msg[i].key.b) | 1};
	}
	if (b == NULL)
		return;
	b->alone++;
	t->x->learnt++;
}

/* Each alone; what is refused for itself is left out and named. */
static int
append_one_by_one(struct to_imap *t, bool *missing, struct err *err)
{
	size_t i;
	int r = RC_OK;

	for (i = 0; i < t->try.n && r == RC_OK; i++) {
		if (hangs_up(t, i)) {
			missing[i] = true;
			report_skip(t->x->report, batch_name(t, i),
			    "the server ends the connection there");
			continue;
		}
		r = append_one(t, i, true, err);
		if (has_hung_up(t, r))
			note_broken(t, i);
		if (is_own_fault(t, r) && has_keywords(t, &t->msg[i])) {
			r = append_one(t, i, false, err);
			if (r == RC_OK)
				report_note(t->x->report,
				    "%.*s: stored without its keywords: the "
				    "server does not accept them",
				    SV_ARG(batch_name(t, i)));
		}
		if (is_own_fault(t, r)) {
			missing[i] = true;
			report_skip(t->x->report, batch_name(t, i), err->text);
			r = RC_OK;
		}
	}
	return r;
}

static int
find_uidnext(struct to_imap *t, struct err *err)
{
	uint32_t validity = t->uidvalidity;
	int r = to_imap_status(t, buf_sv(&t->dest), err);

	if (r == RC_OK && validity != 0 && validity != t->uidvalidity)
		r = err_set(err, RC_TEMP,
		    "%s has been deleted and created again meanwhile",
		    t->dest.p);
	return r;
}

static void
batch_reset(struct to_imap *t)
{
	t->try.n = 0;
	area_truncate(&t->area, 0);
	buf_reset(&t->flags);
	buf_reset(&t->names);
	t->start = 0;
}

static void
count_batch(struct to_imap *t, const bool *missing)
{
	size_t i;

	for (i = 0; i < t->try.n; i++)
		if (!missing[i])
			report_came(t->x->report, t->msg[i].size);
}

int
to_imap_flush(struct to_imap *t, struct err *err)
{
	bool missing[STATE_BATCH] = {false};
	bool many_came, many = t->try.n > 1 && !t->x->one_by_one &&
			       imap_client_can(t->c, SV("MULTIAPPEND"));
	int r = RC_OK;

	if (t->try.n == 0)
		return RC_OK;
	if (!t->uidnext_known)
		r = find_uidnext(t, err);
	if (r != RC_OK)
		return r;
	t->try.uidvalidity = t->uidvalidity;
	t->try.uidnext = t->uidnext;
	buf_set(&t->try.folder, buf_sv(&t->dest));
	state_put_try(t->state, &t->try, &t->log);
	r = to_imap_log(t, err);
	if (r == RC_OK && many)
		r = append_all(t, err);
	if (many && has_hung_up(t, r)) {
		t->x->one_by_one = true;
		t->x->learnt++;
	}
	many_came = many && r == RC_OK;
	if (r == RC_OK && !many)
		r = append_one_by_one(t, missing, err);
	else if (is_own_fault(t, r))
		r = append_one_by_one(t, missing, err);
	if (r == RC_PERM)
		r = err_set(err, RC_DENIED, "%.140s", err->text);
	if (r != RC_OK)
		return r;
	/* An APPEND of ours gives UIDs one behind the other. */
	if (t->c == t->x->own && t->uidnext_known && !missing[0] &&
	    (many_came || t->try.n == 1))
		state_put_uids(
		    t->state, t->uidnext - (uint32_t)t->try.n, &t->log);
	/* Goes to the disk with the next try, or at the end. */
	state_put_end(t->state, missing, &t->log);
	count_batch(t, missing);
	batch_reset(t);
	return RC_OK;
}

/* ---- the sink ---- */

static bool
in_batch(const struct to_imap *t, const struct state_key *key)
{
	size_t i;

	for (i = 0; i < t->try.n; i++)
		if (memcmp(&t->try.msg[i].key, key, sizeof *key) == 0)
			return true;
	return false;
}

void
to_imap_source_key(
    const struct to_imap *t, struct sv key, struct state_key *out)
{
	const struct sv part[] = {buf_sv(&t->source), key};

	state_key_make(out, BY_KEY, part, 2);
}

void
to_imap_content_key(struct to_imap *t, const struct state_key *content,
    bool once, struct state_key *out)
{
	uint32_t n = 0;

	do {
		const struct sv part[] = {buf_sv(&t->source),
		    sv_of(content->b, sizeof content->b), sv_of(&n, sizeof n)};

		state_key_make(out, BY_CONTENT, part, 3);
		n++;
	} while (!state_set_add(&t->pass, out) && !once);
}

static bool
want(void *arg, struct sv key)
{
	struct to_imap *t = arg;
	struct state_key k;

	to_imap_source_key(t, key, &k);
	return !state_has(t->state, &k) && !in_batch(t, &k);
}

static void
known(void *arg, struct sv key, struct sv flags)
{
	struct to_imap *t = arg;
	struct state_key k;

	to_imap_source_key(t, key, &k);
	to_imap_known(t, &k, flags);
}

static int
begin(void *arg, struct err *err)
{
	struct to_imap *t = arg;

	(void)err;
	t->start = t->area.size;
	t->nul = false;
	must(crypto_generichash_init(&t->hash, NULL, 0, STATE_CONTENT_SIZE) ==
	     0);
	return RC_OK;
}

static int
bytes(void *arg, struct sv s, struct err *err)
{
	struct to_imap *t = arg;

	if (s.n == 0)
		return RC_OK;
	if (!t->nul && memchr(s.p, '\0', s.n) != NULL)
		t->nul = true;
	(void)crypto_generichash_update(
	    &t->hash, (const unsigned char *)s.p, s.n);
	return area_add(&t->area, s, err);
}

static void
drop(void *arg)
{
	struct to_imap *t = arg;

	area_truncate(&t->area, t->start);
}

static void
batch_add(struct to_imap *t, const struct transfer_msg *m,
    const struct state_key *key, const struct state_key *content)
{
	struct batch_msg *b = &t->msg[t->try.n];

	*b = (struct batch_msg){.off = t->start,
	    .size = t->area.size - t->start,
	    .date = m->date,
	    .zone = m->zone,
	    .nul = t->nul,
	    .flags = t->flags.n,
	    .nflags = m->flags.n,
	    .name = t->names.n,
	    .nname = m->name.n};
	buf_addsv(&t->flags, m->flags);
	buf_addsv(&t->names, m->name);
	t->try.msg[t->try.n++] =
	    (struct state_msg){*key, *content, b->size, state_flags(m->flags)};
	t->start = t->area.size;
}

static int
end(void *arg, const struct transfer_msg *m, struct err *err)
{
	struct to_imap *t = arg;
	struct state_key key, content;

	(void)crypto_generichash_final(&t->hash, content.b, sizeof content.b);
	if (m->key.n > 0)
		to_imap_source_key(t, m->key, &key);
	else
		to_imap_content_key(t, &content, m->once, &key);
	if (state_has(t->state, &key) || in_batch(t, &key) ||
	    (t->virtual && state_has_content(t->state, &content)) ||
	    to_imap_moved(t, &key, &content, m->flags)) {
		to_imap_known(t, &key, m->flags);
		report_known(t->x->report);
		drop(t);
		return RC_OK;
	}
	if (t->nul && !imap_client_can(t->c, SV("BINARY"))) {
		report_skip(t->x->report, m->name,
		    "it has NUL bytes, which the server does not take");
		drop(t);
		return RC_OK;
	}
	batch_add(t, m, &key, &content);
	if (t->try.n == STATE_BATCH || t->area.size >= BATCH_BYTES ||
	    t->flags.n > BATCH_TEXT || t->names.n > BATCH_TEXT)
		return to_imap_flush(t, err);
	return RC_OK;
}

static int
folder_end(void *arg, struct err *err)
{
	return to_imap_flush(arg, err);
}

void
to_imap_sink(struct to_imap *t, struct sink *out)
{
	*out = (struct sink){.folder = to_imap_folder,
	    .want = want,
	    .known = known,
	    .begin = begin,
	    .bytes = bytes,
	    .end = end,
	    .drop = drop,
	    .folder_end = folder_end,
	    .arg = t};
}

/* ---- life ---- */

struct to_imap *
to_imap_new(struct transfer *x, struct imap_client *c, struct state *state)
{
	struct to_imap *t = xcalloc(1, sizeof *t);

	t->x = x;
	t->c = c;
	t->state = state;
	area_init(&t->area, x->broker);
	buf_init(&t->try.folder, TRANSFER_PATH_MAX);
	buf_init(&t->source, TRANSFER_PATH_MAX);
	buf_init(&t->dest, TRANSFER_PATH_MAX);
	buf_init(&t->prefix, TRANSFER_PATH_MAX);
	buf_init(&t->taken, 8u << 20);
	buf_init(&t->flags, 4 * BATCH_TEXT);
	buf_init(&t->names, 4 * BATCH_TEXT);
	buf_init(&t->log, 64u << 10);
	return t;
}

void
to_imap_free(struct to_imap **tp)
{
	struct to_imap *t = *tp;
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->nspecial; i++)
		free(t->special[i].name);
	for (i = 0; i < t->nusual; i++)
		free(t->usual[i].name);
	to_imap_sync_fini(t);
	state_set_fini(&t->there);
	state_set_fini(&t->pass);
	buf_fini(&t->log);
	buf_fini(&t->names);
	buf_fini(&t->flags);
	buf_fini(&t->taken);
	buf_fini(&t->prefix);
	buf_fini(&t->dest);
	buf_fini(&t->source);
	buf_fini(&t->try.folder);
	area_fini(&t->area);
	free(t);
	*tp = NULL;
}

int
to_imap_end(struct to_imap *t, struct err *err)
{
	int r = to_imap_flush(t, err);

	if (r == RC_OK)
		r = to_imap_sync(t, err);
	return r == RC_OK ? to_imap_log(t, err) : r;
}

void
to_imap_save(struct to_imap *t)
{
	struct err err;

	/* Not over a connection that may have done it already. */
	if (!imap_client_usable(t->c) || state_open_try(t->state) != NULL)
		return;
	if (to_imap_end(t, &err) != RC_OK)
		buf_reset(&t->log);
}
