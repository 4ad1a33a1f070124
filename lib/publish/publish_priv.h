/* Inside lib/publish only: what its files share. */
#ifndef PUBLISH_PRIV_H
#define PUBLISH_PRIV_H

#include "msgauth/iprev.h"
#include "publish/publish.h"

#define PUBLISH_VALUE_MAX 4096
#define PUBLISH_TEXT_MAX  65536

/* ---- judge.c's parts; each returns RC_OK or RC_MORE ---- */

typedef int publish_judge_fn(struct publish *p, const struct publish_host *h,
    const struct dns_answer *a);

/* judge_host.c */
publish_judge_fn publish_judge_mx, publish_judge_address, publish_judge_ptr,
    publish_judge_srv, publish_judge_autoconfig;
/* judge_text.c */
publish_judge_fn publish_judge_dkim, publish_judge_tlsrpt,
    publish_judge_mta_sts;
/* judge_dmarc.c, judge_spf.c */
publish_judge_fn publish_judge_dmarc, publish_judge_spf;
/* judge_tls.c */
publish_judge_fn publish_judge_tlsa, publish_judge_next_tlsa, publish_judge_caa,
    publish_judge_dnssec;
/* block_list.c */
publish_judge_fn publish_judge_block_list;

/* ---- block_list.c ---- */
void publish_add_block_lists(
    struct publish_list *l, const struct publish_host *h, const struct conf *c);

/* ---- answer.c ---- */

/* The answer, or NULL: it is not there yet.  A name that cannot be asked for
 * has an answer, too: there is nothing. */
const struct dns_answer *publish_ask(
    struct publish *p, const char *name, enum dns_type type);
const struct dns_answer *publish_askf(struct publish *p, enum dns_type type,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Is this one of this server's addresses: of its interfaces, or of those that
 * are published for its name?  RC_OK, RC_NOTFOUND, RC_MORE. */
int publish_leads_here(struct publish *p, const struct publish_host *h,
    const char *host) RC_USE_RESULT;

/* Sets the state and what is to be said of it. */
int publish_say(struct publish *p, enum publish_state s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It is right, but. */
int publish_warn(struct publish *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* One more of what was found; others' bytes. */
void publish_found(struct publish *p, struct sv text);
bool publish_same_host(const char *a, const char *b);

/* ---- list.c ---- */

struct publish *publish_add(
    struct publish_list *l, enum publish_kind kind, enum dns_type type);
void publish_set_name(struct publish *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void publish_put_address(const struct in6_addr *a, struct buf *out);

/* ---- accident.c ---- */

/* What a web form or a hurried hand has made of a text; NULL: nothing known.
 * want: what it should be; may be empty. */
const char *publish_accident(struct sv found, struct sv want);
/*
 * Nothing right is at p->name.  Is it at a wrong name, or does a wildcard
 * answer for it?  Appends a sentence to out.  is_it: is a text the kind that is
 * looked for?  RC_OK or RC_MORE.
 */
typedef bool publish_is_it_fn(struct sv text);
int publish_misplaced(
    struct publish *p, publish_is_it_fn *is_it, struct buf *out) RC_USE_RESULT;
/* Nothing right is there, and this is why: an accident (NULL: none), or the
 * sentence of publish_misplaced, or it is simply missing.  meaning: what that
 * leads to. */
void publish_say_none(struct publish *p, const char *accident,
    const struct buf *why, const char *meaning);
/* The texts of an answer, one after the other; false: no more. */
bool publish_next_text(
    const struct dns_answer *a, size_t *at, struct buf *text);

#endif
