/*
 * What arrives on port 25, judged while it comes in: iprev, SPF, DKIM, ARC and
 * DMARC (msgauth/check.h) and block lists (smtp/listed.h), with the names
 * looked up side by side.  The header is collected, so that results which claim
 * to be ours can be taken out of it; the body is hashed as it streams by.
 *
 *   j = smtp_judge_new(ops, ctx, &envelope);
 *   while (...)
 *           smtp_judge_header(j, bytes, &rest);   until it says true
 *           ... smtp_judge_kept(j) is what to keep, rest the body ...
 *   smtp_judge_body(j, bytes);
 *   smtp_judge_end(j);       waits for the name servers
 *   smtp_judge_action(j, ...) for each recipient's domain,
 *   smtp_judge_field(j, ...), smtp_judge_verdict(j, ...)
 *
 * Without ops->ask, and for peers that are not to be judged, only the header
 * is collected and cleaned.
 */
#ifndef SMTP_JUDGE_H
#define SMTP_JUDGE_H

#include "msgauth/verdict.h"
#include "smtp/server.h"

#define SMTP_JUDGE_HEADER_MAX (256u << 10)

struct smtp_judge;

/* e NULL: the message is not judged.  hostname: borrowed.  The name
 * servers have ms from the last byte of the message on: one that comes slowly
 * does not use up their time. */
struct smtp_judge *smtp_judge_new(const struct smtp_ops *ops, void *ctx,
    const struct check_envelope *e, const char *hostname, int64_t ms);
void smtp_judge_free(struct smtp_judge **j);

/*
 * Takes bytes of the message until its header has ended with an empty line;
 * true: it has, or it is too large (*too_big).  *rest: what was not taken.
 */
bool smtp_judge_header(
    struct smtp_judge *j, struct sv bytes, struct sv *rest, bool *too_big);
/* The message is over, and so is its header if it was not before. */
void smtp_judge_header_end(struct smtp_judge *j);
bool smtp_judge_header_over(const struct smtp_judge *j);
/* The header and what of the body was taken with it, without the results that
 * claim to be ours; to be let go when it was taken. */
struct sv smtp_judge_kept(const struct smtp_judge *j);
void smtp_judge_let_go(struct smtp_judge *j);

void smtp_judge_body(struct smtp_judge *j, struct sv bytes);
/* What a message that is asked to come again is known by; nothing is appended
 * if its time does not matter. */
void smtp_judge_expiring(const struct smtp_judge *j, struct buf *out);
/* It has been waiting for us, so long. */
void smtp_judge_waited(struct smtp_judge *j, int64_t ms);
/* The message is over.  Blocks for the name servers. */
void smtp_judge_end(struct smtp_judge *j);

enum smtp_judge_action {
	SMTP_JUDGE_KEEP,
	SMTP_JUDGE_JUNK,
	SMTP_JUDGE_DEFER, /* and what has come again and again is accepted */
	SMTP_JUDGE_WAIT,  /* it is our own trouble: it must come again */
	SMTP_JUDGE_REFUSE
};

/* After the end: what is to be done. */
struct smtp_judge_outcome {
	enum smtp_judge_action action;
	enum verdict_override override;
	const char *other; /* the list or sealer of the override, or "" */
	bool listed;	   /* refused for its address alone */
	/* For the last three actions, what is said to the other side: its
	 * enhanced code and the words. */
	const char *code;
	char text[500];
};

/* For recipients at `domain`. */
void smtp_judge_action(const struct smtp_judge *j, enum smtp_inbound policy,
    struct sv domain, struct smtp_judge_outcome *out);
/* What becomes of one that was deferred for long enough: it is delivered if
 * names could not be looked up; Junk, if it failed the author's policy. */
enum smtp_judge_action smtp_judge_at_last(const struct smtp_judge *j);

/* After the end: whether it may be passed on by an address where that is what
 * becomes of it, and whether its sender may be told when that fails. */
enum onward smtp_judge_onward(
    const struct smtp_judge *j, bool junk, enum verdict_override override);
bool smtp_judge_sender_known(const struct smtp_judge *j);

/* What was found out; false: nothing, it was not judged. */
bool smtp_judge_verdict(const struct smtp_judge *j, struct verdict *out);

/* The domain of the author, as far as it is known. */
struct sv smtp_judge_author(const struct smtp_judge *j);

/* Has it proved to be from there: by DMARC, or where there is no policy, by
 * what DMARC would ask for? */
bool smtp_judge_verified(const struct smtp_judge *j);

/* Has this account, or anybody here (""), written to its author?  RC_TEMP: that
 * cannot be found out now.  Asks: not more often than needed. */
int smtp_judge_knows(
    const struct smtp_judge *j, const char *account, bool *yes) RC_USE_RESULT;

/* All that was found out; NULL: there is no judgement. */
const struct check_result *smtp_judge_result(const struct smtp_judge *j);

/* Appends the field Authentication-Results, if there is a judgement.  v: with
 * the override that is noted in it. */
void smtp_judge_field(
    const struct smtp_judge *j, const struct verdict *v, struct buf *out);
/* " author=x dmarc=fail spf=pass dkim=none ...", for the log; "" without a
 * judgement.  v may be NULL. */
#define SMTP_JUDGE_LOG_MAX 1000
void smtp_judge_log(const struct smtp_judge *j, const struct verdict *v,
    char out[SMTP_JUDGE_LOG_MAX]);

#endif
