/*
 * The words in which SPF, DKIM, DMARC, ARC and iprev say what they have found
 * [RFC 8601 2.7, RFC 7208 2.6, RFC 8617 4.4, RFC 9989 5.3].
 */
#ifndef MSGAUTH_RESULT_H
#define MSGAUTH_RESULT_H

enum auth_result {
	AUTH_NONE, /* there was nothing to check */
	AUTH_PASS,
	AUTH_FAIL,
	AUTH_SOFTFAIL, /* SPF only */
	AUTH_NEUTRAL,
	AUTH_POLICY, /* it passed, and we do not trust it all the same */
	AUTH_TEMPERROR,
	AUTH_PERMERROR,
	AUTH_RESULTS /* how many */
};

/* "none", "pass" ... as it is written into Authentication-Results. */
const char *auth_result_name(enum auth_result r);

#endif
