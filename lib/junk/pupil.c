#include "junk/pupil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/log.h"

#define AGAIN_MOST  6
#define HINT_WEIGHT 0.7
#define SURE_OTHER  0.3
#define OTHERS_FEW  20
#define SURE_COPY   1.0 /* beyond the border */
#define ROW_BYTES   (8 + 4 * JUNK_SKETCH + 8 + 2)
#define UNDO_MAX    (2 << 20) /* of a lesson, the longest repeated */
#define NOTES_HEAD  12
#define NOTES_MAX   (6 << 20)

/* Records of the logs.  Numbers are those of the files. */
enum {
	REC_LEARNED = 1,   /* the server's: junk, counted, what it changed */
	REC_UNDONE = 2,	   /* likewise */
	REC_TAUGHT = 3,	   /* an account's: row, counted, own, server's undo */
	REC_TAKEN_BACK = 4 /* a row's id */
};

/* ---- the server's model ---- */

static void
no_notes(void *arg, struct sv notes)
{
	(void)arg;
	(void)notes;
}

static void
on_server_record(void *arg, uint8_t type, struct sv s)
{
	struct junk_file *f = arg;

	if (s.n < 2)
		return;
	if (type == REC_LEARNED)
		junk_model_redo(
		    f->model, sv_skip(s, 2), s.p[0] != 0, s.p[1] != 0);
	else if (type == REC_UNDONE)
		junk_model_undo(f->model, sv_skip(s, 2), s.p[0] != 0);
}

int
pupil_server_open(struct junk_file *f, struct err *err)
{
	static const struct junk_file_ops ops = {no_notes, on_server_record};

	return junk_file_open(f, "server", JUNK_SERVER_BITS, &ops, f, err);
}

static void
say_unwritten(const struct junk_file *f, const char *text)
{
	mlog(LOG_WARN, "junk.write", "file=%s text=\"%s\"", f->name, text);
}

static void
note_server(struct junk_file *f, uint8_t type, bool junk, bool count,
    const struct buf *changes)
{
	struct err err = {.text = "a lesson is in memory only"};
	struct buf b;

	buf_init(&b, UNDO_MAX + 2);
	buf_addc(&b, (char)junk);
	buf_addc(&b, (char)count);
	buf_addsv(&b, buf_sv(changes));
	if (junk_file_add(f, type, buf_sv(&b)) != RC_OK ||
	    (junk_file_is_long(f) &&
		junk_file_snapshot(f, SV(""), &err) != RC_OK))
		say_unwritten(f, err.text);
	buf_fini(&b);
}

void
pupil_server_close(struct junk_file *f)
{
	junk_file_close(f);
}

/* ---- rows ---- */

static void
row_fini(struct pupil_row *r)
{
	buf_fini(&r->undo_own);
	buf_fini(&r->undo_server);
}

static size_t
undo_bytes(const struct pupil_row *r)
{
	return r->undo_own.n + r->undo_server.n;
}

static void
forget_undo(struct pupil *p, struct pupil_row *r)
{
	p->undo_bytes -= undo_bytes(r);
	if (undo_bytes(r) > 0)
		r->shared |= PUPIL_FADED;
	row_fini(r);
}

static void
remove_row(struct pupil *p, size_t i)
{
	forget_undo(p, &p->row[i]);
	p->n--;
	memmove(p->row + i, p->row + i + 1, (p->n - i) * sizeof p->row[0]);
}

/* Nobody has said so. */
static bool
is_hint(uint8_t side)
{
	return side == PUPIL_HINT || side == PUPIL_READ;
}

static bool
is_read(const struct pupil_row *r)
{
	return r->side == PUPIL_READ;
}

/* What was only read makes room first. */
static void
make_room(struct pupil *p)
{
	size_t i;

	for (i = 0; i < p->n && !is_read(&p->row[i]); i++)
		;
	remove_row(p, i < p->n ? i : 0);
}

/*
 * Too many can be undone now, of the kind of the last row or of all: the
 * oldest go, what was learned last never.
 */
static void
bound_undo(struct pupil *p)
{
	bool read = is_read(&p->row[p->n - 1]);
	size_t i, most = read ? PUPIL_UNDO_READ : PUPIL_UNDO, seen = 0;

	for (i = p->n; i > 0 && seen <= most; i--)
		if (is_read(&p->row[i - 1]) == read && seen++ == most)
			forget_undo(p, &p->row[i - 1]);
	for (i = 0; p->undo_bytes > PUPIL_UNDO_BYTES && i + 1 < p->n; i++)
		forget_undo(p, &p->row[i]);
}

/* Takes what r owns. */
static struct pupil_row *
add_row(struct pupil *p, const struct pupil_row *r)
{
	if (p->n == PUPIL_ROWS)
		make_room(p);
	p->row[p->n++] = *r;
	p->undo_bytes += undo_bytes(r);
	bound_undo(p);
	return &p->row[p->n - 1];
}

/* Of one that has none yet. */
static void
set_undo(struct pupil *p, struct pupil_row *r, struct sv own, struct sv server)
{
	buf_set(&r->undo_own, own);
	buf_set(&r->undo_server, server);
	p->undo_bytes += undo_bytes(r);
	bound_undo(p);
}

static size_t
find_row(const struct pupil *p, uint64_t id)
{
	size_t i = p->n;

	while (i > 0)
		if (p->row[--i].content.id == id)
			return i;
	return p->n;
}

static void
put_row(const struct pupil_row *r, struct buf *out)
{
	unsigned char b[ROW_BYTES];
	size_t i;

	be_put64(b, r->content.id);
	for (i = 0; i < JUNK_SKETCH; i++)
		be_put32(b + 8 + 4 * i, r->content.sketch[i]);
	be_put64(b + 8 + 4 * JUNK_SKETCH, (uint64_t)r->when);
	b[ROW_BYTES - 2] = r->side;
	b[ROW_BYTES - 1] = r->shared;
	buf_add(out, b, sizeof b);
}

static bool
take_row(struct sv *s, struct pupil_row *r)
{
	size_t i;

	if (s->n < ROW_BYTES || (uint8_t)s->p[ROW_BYTES - 2] > PUPIL_READ)
		return false;
	*r = (struct pupil_row){.when = 0};
	r->content.id = be_get64(s->p);
	for (i = 0; i < JUNK_SKETCH; i++)
		r->content.sketch[i] = be_get32(s->p + 8 + 4 * i);
	r->when = (int64_t)be_get64(s->p + 8 + 4 * JUNK_SKETCH);
	r->side = (uint8_t)s->p[ROW_BYTES - 2];
	r->shared = (uint8_t)s->p[ROW_BYTES - 1];
	buf_init(&r->undo_own, UNDO_MAX);
	buf_init(&r->undo_server, UNDO_MAX);
	*s = sv_skip(*s, ROW_BYTES);
	return true;
}

static void
put_bytes(struct sv bytes, struct buf *out)
{
	unsigned char n[4];

	be_put32(n, (uint32_t)bytes.n);
	buf_add(out, n, 4);
	buf_addsv(out, bytes);
}

static bool
take_bytes(struct sv *s, struct sv *out)
{
	if (s->n < 4 || be_get32(s->p) > s->n - 4)
		return false;
	*out = sv_first(sv_skip(*s, 4), be_get32(s->p));
	*s = sv_skip(*s, 4 + out->n);
	return true;
}

/* ---- an account's file ---- */

static void
put_notes(const struct pupil *p, struct buf *out)
{
	unsigned char n[NOTES_HEAD];
	size_t i;

	be_put32(n, p->shared);
	be_put32(n + 4, p->against);
	be_put32(n + 8, p->all);
	buf_add(out, n, sizeof n);
	for (i = 0; i < p->n; i++) {
		put_row(&p->row[i], out);
		put_bytes(buf_sv(&p->row[i].undo_own), out);
		put_bytes(buf_sv(&p->row[i].undo_server), out);
	}
}

static void
on_notes(void *arg, struct sv s)
{
	struct pupil *p = arg;
	struct sv own, server;
	struct pupil_row r;

	if (s.n < NOTES_HEAD)
		return;
	p->shared = be_get32(s.p);
	p->against = be_get32(s.p + 4);
	p->all = be_get32(s.p + 8);
	s = sv_skip(s, NOTES_HEAD);
	while (take_row(&s, &r)) {
		struct pupil_row *at = add_row(p, &r);

		if (!take_bytes(&s, &own) || !take_bytes(&s, &server))
			return;
		set_undo(p, at, own, server);
	}
}

static void
count_one(uint32_t *n, int by)
{
	if (by > 0 || *n > 0)
		*n += (uint32_t)by;
}

static void
count_row(struct pupil *p, uint8_t shared, int by)
{
	count_one(&p->all, by);
	if ((shared & PUPIL_SHARED) != 0)
		count_one(&p->shared, by);
	if ((shared & PUPIL_AGAINST) != 0)
		count_one(&p->against, by);
}

static void
on_taught(struct pupil *p, struct sv s)
{
	struct sv own, server;
	struct pupil_row r, *at;

	if (!take_row(&s, &r))
		return;
	at = add_row(p, &r);
	if (!take_bytes(&s, &own) || !take_bytes(&s, &server))
		return;
	set_undo(p, at, own, server);
	if ((r.shared & PUPIL_EMPTY) != 0)
		return;
	count_row(p, r.shared, 1);
	junk_model_redo(p->file.model, own, r.side == PUPIL_JUNK, true);
}

static void
take_back_own(struct pupil *p, size_t i)
{
	struct pupil_row *r = &p->row[i];

	if ((r->shared & (PUPIL_FADED | PUPIL_EMPTY)) == 0) {
		junk_model_undo(
		    p->file.model, buf_sv(&r->undo_own), r->side == PUPIL_JUNK);
		count_row(p, r->shared, -1);
	}
	remove_row(p, i);
}

static void
on_record(void *arg, uint8_t type, struct sv s)
{
	struct pupil *p = arg;

	if (type == REC_TAUGHT) {
		on_taught(p, s);
	} else if (type == REC_TAKEN_BACK && s.n == 8) {
		size_t i = find_row(p, be_get64(s.p));

		if (i < p->n)
			take_back_own(p, i);
	}
}

static void
file_name(const char *account, char out[80])
{
	(void)snprintf(out, 80, "account-%s", account);
}

int
pupil_open(struct pupil *p, const char *account, struct err *err)
{
	static const struct junk_file_ops ops = {on_notes, on_record};
	char name[80];
	int r;

	*p = (struct pupil){.n = 0};
	p->row = xcalloc(PUPIL_ROWS, sizeof p->row[0]);
	file_name(account, name);
	r = junk_file_open(&p->file, name, JUNK_ACCOUNT_BITS, &ops, p, err);
	if (r != RC_OK)
		pupil_close(p);
	return r;
}

void
pupil_close(struct pupil *p)
{
	junk_file_close(&p->file);
	while (p->n > 0)
		row_fini(&p->row[--p->n]);
	free(p->row);
	p->row = NULL;
}

bool
pupil_was_taught(const char *account)
{
	char name[80];

	file_name(account, name);
	return junk_file_has(name);
}

void
pupil_forget(const char *account)
{
	char name[80];

	file_name(account, name);
	junk_file_remove(name);
}

static void
note_own(struct pupil *p, uint8_t type, struct sv payload)
{
	struct err err = {.text = "a lesson is in memory only"};
	struct buf notes;
	int r = junk_file_add(&p->file, type, payload);

	if (r == RC_OK && junk_file_is_long(&p->file)) {
		buf_init(&notes, NOTES_MAX);
		put_notes(p, &notes);
		r = buf_ok(&notes)
			? junk_file_snapshot(&p->file, buf_sv(&notes), &err)
			: RC_TOOBIG;
		buf_fini(&notes);
	}
	if (r != RC_OK)
		say_unwritten(&p->file, err.text);
}

/* ---- asking ---- */

void
pupil_ask(const struct junk_file *server, const struct pupil *own,
    const struct junk_features *f, struct pupil_answer *out)
{
	const struct junk_model *m = own != NULL ? own->file.model : NULL;
	struct junk_content c;
	size_t i;

	junk_model_ask(server->model, m, f, &out->answer);
	out->border = junk_model_border(server->model, m);
	out->junk = out->answer.margin > out->border;
	out->taught = false;
	if (own == NULL || own->n == 0)
		return;
	junk_content_of(f, &c);
	for (i = own->n; i > 0; i--) {
		const struct pupil_row *r = &own->row[i - 1];

		if (is_hint(r->side) || (r->shared & PUPIL_EMPTY) != 0 ||
		    !junk_content_alike(&r->content, &c))
			continue;
		out->taught = true;
		if (out->junk == (r->side == PUPIL_JUNK))
			return;
		out->junk = r->side == PUPIL_JUNK;
		out->answer.margin =
		    out->border + (out->junk ? SURE_COPY : -SURE_COPY);
		return;
	}
}

/* ---- teaching ---- */

/*
 * What a lesson counts in the server's model.  While nobody else teaches it,
 * everything.  Else what contradicts others counts little, and all of it
 * together no more than half a lesson, however often it is repeated.
 */
static double
share_weight(
    const struct junk_file *server, const struct pupil *own, bool against)
{
	double all = (double)junk_model_lessons(server->model, true) +
		     (double)junk_model_lessons(server->model, false);
	double others = all > own->shared ? all - own->shared : 0;
	double w = (PUPIL_SHARE_FREE + others) / (own->shared + 1.0);
	double doubt = 1 + own->against / 5.0;

	if (others < OTHERS_FEW)
		return 1;
	if (against)
		return 0.1 / (doubt * doubt);
	w *= 1 - own->against / (own->all + 10.0);
	return w < 1 ? w : 1;
}

/* Was the server's model sure of the other side? */
static bool
is_against(
    const struct junk_file *server, const struct junk_features *f, bool junk)
{
	double m = junk_model_margin(server->model, NULL, f);

	return junk ? m < -SURE_OTHER : m > SURE_OTHER;
}

/* Everything that a row's lesson has changed is changed back. */
static void
take_back(struct junk_file *server, struct pupil *own, size_t i)
{
	struct pupil_row *r = &own->row[i];
	bool junk = r->side == PUPIL_JUNK;
	unsigned char id[8];

	if ((r->shared & (PUPIL_SHARED | PUPIL_FADED)) == PUPIL_SHARED) {
		junk_model_undo(server->model, buf_sv(&r->undo_server), junk);
		note_server(server, REC_UNDONE, junk, true, &r->undo_server);
	}
	be_put64(id, r->content.id);
	take_back_own(own, i);
	note_own(own, REC_TAKEN_BACK, sv_of(id, 8));
}

static bool
is_right(const struct junk_file *server, const struct pupil *own,
    const struct junk_features *f, bool junk, double least)
{
	double m = junk_model_margin(server->model, own->file.model, f);

	return junk ? m > least : m < -least;
}

static void
learn(struct junk_file *server, struct pupil *own,
    const struct junk_features *f, struct pupil_row *r)
{
	struct junk_lesson l = {.f = f,
	    .junk = r->side == PUPIL_JUNK,
	    .count = true,
	    .weight = r->side == PUPIL_HINT   ? HINT_WEIGHT
		      : r->side == PUPIL_READ ? PUPIL_READ_WEIGHT
					      : 1,
	    .sure = JUNK_SURE};
	unsigned again = 0;

	if ((r->shared & PUPIL_SHARED) != 0) {
		double full = l.weight;

		l.weight *=
		    share_weight(server, own, (r->shared & PUPIL_AGAINST) != 0);
		junk_model_learn(server->model, NULL, &l, &r->undo_server);
		note_server(server, REC_LEARNED, l.junk, true, &r->undo_server);
		l.weight = full;
	}
	do {
		junk_model_learn(
		    own->file.model, server->model, &l, &r->undo_own);
		l.count = false;
	} while (!is_hint(r->side) && ++again < AGAIN_MOST &&
		 !is_right(server, own, f, l.junk, 0));
}

/* Takes what r owns. */
static void
note_row(struct pupil *own, struct pupil_row *r)
{
	struct buf payload;

	buf_init(&payload, 2 * UNDO_MAX + ROW_BYTES + 8);
	put_row(r, &payload);
	put_bytes(buf_sv(&r->undo_own), &payload);
	put_bytes(buf_sv(&r->undo_server), &payload);
	(void)add_row(own, r);
	note_own(own, REC_TAUGHT, buf_sv(&payload));
	buf_fini(&payload);
}

static void
teach(struct junk_file *server, struct pupil *own,
    const struct junk_features *f, struct pupil_row *r)
{
	buf_init(&r->undo_own, UNDO_MAX);
	buf_init(&r->undo_server, UNDO_MAX);
	learn(server, own, f, r);
	count_row(own, r->shared, 1);
	note_row(own, r);
}

/* All is as it was before anybody has said anything. */
static void
note_empty(struct pupil *own, struct pupil_row *r)
{
	r->shared = PUPIL_SAID | PUPIL_EMPTY;
	buf_init(&r->undo_own, UNDO_MAX);
	buf_init(&r->undo_server, UNDO_MAX);
	note_row(own, r);
}

static bool
same_side(uint8_t a, enum pupil_side b)
{
	return (a == PUPIL_JUNK) == (b == PUPIL_JUNK);
}

/* What a row's lesson had replaced of the side that is wanted again; false:
 * nothing. */
static bool
restores(uint8_t shared, enum pupil_side side, uint8_t *before)
{
	unsigned b = shared >> PUPIL_BEFORE & PUPIL_SIDES;

	if (b == 0 || !same_side((uint8_t)(b - 1), side))
		return false;
	*before = (uint8_t)(b - 1);
	return true;
}

/*
 * The content was taught before: that is undone.  False: nothing is left to
 * do; else r is what is to be learned now.
 */
static bool
replace(struct junk_file *server, struct pupil *own,
    const struct junk_features *f, size_t i, struct pupil_row *r)
{
	enum pupil_side side = (enum pupil_side)r->side;
	uint8_t was = own->row[i].side, before = r->side;
	bool again = restores(own->row[i].shared, side, &before), right;
	struct pupil_answer now_is;

	take_back(server, own, i);
	pupil_ask(server, own, f, &now_is);
	right = now_is.junk == (side == PUPIL_JUNK);
	if (again && (right || !is_hint(before))) {
		r->side = before;
		r->shared |= PUPIL_SAID;
		return true;
	}
	if (right && !is_hint(was) && !same_side(was, side)) {
		note_empty(own, r);
		return false;
	}
	r->shared |= (uint8_t)((was + 1u) << PUPIL_BEFORE);
	return true;
}

bool
pupil_teach(struct junk_file *server, struct pupil *own,
    const struct junk_features *f, enum pupil_side side, int64_t now,
    bool share)
{
	struct pupil_row r = {
	    .when = now, .side = (uint8_t)side, .shared = share};
	size_t i;

	junk_content_of(f, &r.content);
	i = find_row(own, r.content.id);
	if (i < own->n) {
		uint8_t was = own->row[i].side, shared = own->row[i].shared;

		if (was == side || (side > PUPIL_WANTED && was != PUPIL_READ))
			return false;
		if ((shared & PUPIL_SAID) != 0 && side <= PUPIL_WANTED &&
		    same_side(was, side))
			return false;
		if (side == PUPIL_THROWN) {
			take_back(server, own, i);
			return true;
		}
		if ((shared & PUPIL_EMPTY) != 0)
			take_back(server, own, i);
		else if (!replace(server, own, f, i, &r))
			return true;
	}
	if (side == PUPIL_THROWN)
		return false;
	/* Not against what the lesson that was undone had taught. */
	if (is_against(server, f, r.side == PUPIL_JUNK))
		r.shared |= PUPIL_AGAINST;
	teach(server, own, f, &r);
	return true;
}
