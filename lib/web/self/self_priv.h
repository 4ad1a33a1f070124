/* Inside lib/web/self only: the pages, and what they have in common. */
#ifndef WEB_SELF_SELF_PRIV_H
#define WEB_SELF_SELF_PRIV_H

#include "ipc/msg_person.h"
#include "web/page/page.h"
#include "web/self/self.h"

struct self {
	const struct self_visit *v;
	struct self_reply *out;
	enum page_language language;
	struct sv sent;	 /* the form of a POST, the query of a GET */
	bool unanswered; /* auth does not answer */
	bool too_old;	 /* the form was */
	struct page page;
};

typedef void self_handler_fn(struct self *s);

/* ---- visit.c ---- */

/* A page, up to its heading; its status is 200 unless it is set afterwards. */
void self_begin(struct self *s, enum page_word title, const char *here);
void self_end(struct self *s);
/* One with a sentence instead, as when something else does not answer. */
void self_sorry(struct self *s, unsigned status, enum page_word word);
/* 303; name NULL: without a query. */
void self_go(
    struct self *s, const char *path, const char *name, struct sv value);
/* A field of what was sent, into *out, which is emptied before: nothing if it
 * is not there or cannot be read. */
void self_get(const struct self *s, const char *name, struct buf *out);
bool self_has(const struct self *s, const char *name);
uint64_t self_number(const struct self *s, const char *name);
/* No more of it than so many bytes, of whole characters. */
struct sv self_clip(struct sv text, size_t most);
/* Links to more of a list of n, of which a page has so many from `skip`. */
void self_turn(
    struct self *s, const char *path, uint64_t skip, size_t n, size_t each);
/* Says what a form has led here: ?done=revoked and the like. */
void self_say_done(struct self *s);

/* ---- person.c ---- */

/* Asks auth, within a page, which says so if there is no answer.  With true
 * *out is to be finished, and *m afterwards. */
bool self_ask(struct self *s, uint16_t type, const struct codec_type *t,
    struct msg *m, void *out);
/* The same for orders.  d->rc says what became of it; *m is the caller's in any
 * case.  A failure of the server is not shown beside a field, and has no text.
 */
void self_order(struct self *s, const struct person_order *o, struct msg *m,
    struct person_done *d);
/* Sets the status of the page that says what is wrong. */
void self_refused(struct self *s, const struct person_done *d);
/* What is wrong, beside a field or (PERSON_FIELD_NONE) of all; W_NONE and an
 * empty text: nothing is. */
struct self_wrong {
	enum page_word word;
	struct sv text;
};
struct self_wrong self_wrong(
    const struct person_done *d, enum person_field field);
/* The latter, as a notice. */
void self_say_wrong(struct self *s, const struct person_done *d);
/* By which a password manager knows whose password it is. */
void self_put_account(struct self *s);
/* "Firefox, Windows", as far as it can be known. */
void self_put_agent(struct sv agent, struct buf *out);

/* ---- address.c ---- */

/* The account's own addresses, aliases that lead to it, and what it may write
 * as; fn is called once for each. */
enum self_address {
	SELF_OWN,
	SELF_ALIAS,
	SELF_SEND_AS,
	SELF_ADMIN /* postmaster and abuse of each domain */
};
void self_each_address(const struct self_visit *v,
    void (*fn)(void *arg, enum self_address kind, struct sv address),
    void *arg);
/* The first; empty: there is none. */
struct sv self_first_address(const struct self_visit *v);
bool self_is_address(const struct self_visit *v, struct sv address);

/* ---- rules.c: what the pages of rules share ---- */

/* Says that a script of the person's runs as well, if one does. */
void self_put_script(struct self *s);
/* Changes a part.  RC_OK: the browser goes to that page, ?done=WORD.
 * RC_NOTFOUND: it does, and hears that it is not there.  RC_TOOBIG, RC_EXISTS,
 * RC_DENIED, RC_SYNTAX: left to the caller.  Else a page says that it does not
 * work now. */
int self_change(struct self *s, enum pagerules_part part, self_change_fn *fn,
    void *arg, const char *path, const char *done);
/* For page_day: a day, since 1970, in the server's time. */
int64_t self_day_ms(int64_t day);

/* ---- the pages ---- */

/* ---- home.c ---- */
self_handler_fn self_home;

/* ---- devices.c ---- */
self_handler_fn self_devices, self_device_add, self_device_new,
    self_device_revoke;

/* ---- sessions.c ---- */
self_handler_fn self_sessions, self_session_end, self_sessions_end;
/* A table of them, so many from that one. */
void self_put_logins(struct self *s, const struct person_logins *l,
    uint64_t skip, uint32_t most);

/* ---- password.c ---- */
self_handler_fn self_password, self_password_set;

/* ---- factor.c ---- */
self_handler_fn self_factor, self_factor_begin, self_factor_new,
    self_factor_confirm, self_factor_off, self_factor_more, self_factor_codes;

/* ---- address.c ---- */
self_handler_fn self_addresses;

/* ---- restore.c ---- */
self_handler_fn self_restore, self_restore_do;

/* ---- trace.c ---- */
self_handler_fn self_trace;

/* ---- vacation.c ---- */
self_handler_fn self_vacation, self_vacation_set;

/* ---- filters.c ---- */
self_handler_fn self_filters, self_filters_do;

/* ---- filter.c ---- */
self_handler_fn self_filter_edit, self_filter_save;

/* ---- forward.c ---- */
self_handler_fn self_forward, self_forward_set, self_forward_again,
    self_forward_remove;

/* ---- confirm.c ---- */
self_handler_fn self_confirm;

/* ---- junk.c ---- */
self_handler_fn self_junk, self_block, self_unblock;

#endif
