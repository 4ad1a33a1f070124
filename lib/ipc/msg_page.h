/*
 * Pages for somebody who has signed in.
 *
 *   web      parses the request, and knows only the cookie
 *   auth     knows whose cookie that is, and hands the page's line, whose other
 *            end web has kept, to whoever answers: by way of the keeper to the
 *            account's own process, or to admin
 *   account  reads the request from that line and writes the page to it
 *   or admin
 *
 * So web holds no mail and no power, auth and the keeper see neither a form nor
 * a page, and what a person may do is decided where it is done.
 */
#ifndef IPC_MSG_PAGE_H
#define IPC_MSG_PAGE_H

#include "ipc/codec.h"
#include "ipc/msg_account.h"

/* Texts, with a NUL behind them. */
#define PAGE_TOKEN_MAX	  64 /* what a cookie or a form has: base64url */
#define PAGE_NAME_MAX	  320
#define PAGE_PASSWORD_MAX 1024
#define PAGE_CODE_MAX	  64
#define PAGE_AGENT_MAX	  256
#define PAGE_PATH_MAX	  1024
#define PAGE_LANGUAGE_MAX 256
#define PAGE_TYPE_MAX	  128
/* Bytes. */
#define PAGE_QUERY_MAX	8192
#define PAGE_FORM_MAX	32768
#define PAGE_BODY_MAX	57344
#define PAGE_FOLLOW_MAX 2048

/* ---- web to auth ---- */

/* AUTH_SIGN_IN. */
struct sign_in_ask {
	struct sv name, password;
	/* Of the first step's answer, or of a link for the admin; then there
	 * is neither name nor password. */
	struct sv step;
	struct sv code;	   /* of the second factor; empty: not asked for yet */
	struct sv peer;	   /* numeric address */
	struct sv agent;   /* User-Agent, for people to read */
	struct sv browser; /* its lasting cookie, by which it is known; or
			      empty */
};
CODEC_FUNCTIONS(sign_in_ask);

/* RC_OK; RC_DENIED: wrong; RC_EXISTS: right as far as it goes, but a code is
 * wanted; RC_NOTFOUND: the step, or the link, is over; RC_TEMP: not now.  The
 * session is there with RC_OK and RC_EXISTS, the rest with RC_OK only. */
struct sign_in_done {
	int rc;
	struct sv text;	   /* for people */
	struct sv session; /* the cookie; with RC_EXISTS the step to go on with,
			      for five minutes */
	struct sv browser; /* the lasting one; empty: as before */
	bool admin;	   /* may visit admin's pages */
};
CODEC_FUNCTIONS(sign_in_done);

/* AUTH_SIGN_OUT. */
struct sign_out {
	struct sv session;
};
CODEC_FUNCTIONS(sign_out);

enum page_room {
	PAGE_SELF, /* of the account itself */
	PAGE_ADMIN,
	/* Of an account, for somebody with a link, who has not signed in:
	 * session is the link's token. */
	PAGE_LINK,
	PAGE_ROOMS
};

/* AUTH_VISIT.  RC_OK: the line has been handed over, the answer comes on it;
 * RC_NOTFOUND: nobody is signed in with that cookie, or no longer; RC_DENIED:
 * not an admin; RC_TEMP: ask again. */
struct visit_ask {
	uint8_t room; /* enum page_room */
	struct sv session;
	struct sv peer, agent;
	int fd; /* the page's line, the other end of which web keeps */
};
CODEC_FUNCTIONS(visit_ask);

/* ---- auth to who answers ---- */

/*
 * PAGE_OPEN, LINK_OPEN.  Every form that changes something has csrf in a field;
 * who answers compares it.
 */
struct page_open {
	/* Who has signed in; empty: the owner of the machine, by a link, who
	 * visits admin's pages only. */
	struct sv account;
	bool admin; /* may visit admin's pages */
	/* Nobody has signed in: the path has the token of a link, and whether
	 * that is right the account decides.  There is neither csrf nor a
	 * person's line. */
	bool stranger;
	struct sv csrf;
	struct sv peer;
	uint64_t session; /* a number for it, for lists and the log */
	int fd;		  /* the page's line; -1: it got lost on the way */
	/* A line to auth, for what this person may see and change there of
	 * their own (ipc/msg_person.h); -1: none, as for admin. */
	int person;
};
CODEC_FUNCTIONS(page_open);

/* ---- links of an account ---- */

#define PAGE_LINK_SECRET 20 /* bytes */

/* The token: whose link it is, so that auth knows where to ask, and a secret,
 * which the account alone knows. */
void page_link_put(
    struct sv account, const uint8_t secret[PAGE_LINK_SECRET], struct buf *out);
bool page_link_is_of(struct sv token, struct sv account);
/* false: it is not a token. */
bool page_link_secret(struct sv token, uint8_t out[PAGE_LINK_SECRET]);

/* ---- web to who answers, on the page's line ---- */

enum page_method {
	PAGE_GET,
	PAGE_POST,
	PAGE_METHODS
};

/* PAGE_ASK. */
struct page_ask {
	uint8_t method;	 /* enum page_method; HEAD is asked as GET */
	struct sv path;	 /* decoded: "/devices" */
	struct sv query; /* behind '?', as it came */
	struct sv form;	 /* the body, application/x-www-form-urlencoded, as it
			     came */
	struct sv languages; /* Accept-Language, as it came */
};
CODEC_FUNCTIONS(page_ask);

/* Its answer. */
struct page_answer {
	uint16_t status;
	struct sv type;	    /* of the body */
	struct sv location; /* with 303; a path of this server */
	struct sv body;
	bool over; /* the session has ended: web forgets the cookie */
};
CODEC_FUNCTIONS(page_answer);

#endif
