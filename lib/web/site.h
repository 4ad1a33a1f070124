/*
 * What this server answers by HTTP: the table of its routes.  To strangers it
 * always says the same:
 *
 *   http and https, under any name
 *     /.well-known/acme-challenge/TOKEN    [RFC 8555 8.3]
 *   https://mta-sts.DOMAIN
 *     /.well-known/mta-sts.txt             [RFC 8461]
 *   http and https, under the server's name, its domains, and autoconfig. and
 *   autodiscover. of these
 *     /mail/config-v1.1.xml and others     Thunderbird (clients/clients.h)
 *     /autodiscover/autodiscover.xml       Outlook, in any case
 *   https, under the server's name and autoconfig.DOMAIN
 *     /                                    the same for people
 *   https, under the server's name and its domains
 *     /.well-known/security.txt            [RFC 9116]
 *
 *   https, under the server's name, with the token that is configured
 *     /metrics                             OpenMetrics
 *
 *   https, under the server's name: links that `hearthmail device` made
 *     /device/, /settings/, /profile/
 *
 * And under the server's name, for people with an account (web/sign_in.c); also
 * without TLS, for a browser on this machine, as with the demo:
 *
 *     /sign-in, /sign-out, /web-login/TOKEN
 *     /home and others    pages of the account itself: what is on them its own
 *                         process says (web/self/self.h, web/visit.c)
 *     /admin and below    the same, of the process admin
 *
 * By http everything else of a name that the certificate has is redirected to
 * https; other names, which a browser would only warn of, are not.  By https
 * nothing is redirected, as those who fetch policies must not follow.
 *
 * Whose an answer is, the Host says, not the name in the TLS handshake: one
 * connection may be used for several names of a certificate.
 */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include "conf/conf.h"
#include "http/session.h"
#include "net/sni.h"
#include "web/challenges.h"

struct web_site;

struct peer;

/*
 * sni: whose names are redirected to.  auth: asked for links.  roots: a file in
 * PEM of what devices trust, -1: none; a profile is signed if they trust us.
 * All must outlive it; c is referred to.
 */
struct web_site *web_site_new(
    struct conf *c, struct sni *sni, struct peer *auth, int roots);
void web_site_free(struct web_site **s);
/* After a reload; from any thread. */
void web_site_set_conf(struct web_site *s, struct conf *c);
/* There is no socket for https, whatever the configuration says: nothing leads
 * there.  Before it is used. */
void web_site_without_https(struct web_site *s);
/*
 * /metrics: when it is wanted, ask(arg) is called, from any thread; the answer
 * is given to all who wait by web_site_metrics, in the main loop's.  rc other
 * than RC_OK: there is none now.
 */
void web_site_ask_metrics(
    struct web_site *s, void (*ask)(void *arg), void *arg);
void web_site_metrics(struct web_site *s, int rc, struct sv text);
struct challenges *web_site_challenges(struct web_site *s);
struct sni *web_site_sni(struct web_site *s);

/* The routes; a session's arg is the struct web_site. */
extern const struct http_site web_http_site;
/* Of metrics.listen: /metrics, and nothing else. */
extern const struct http_site web_metrics_site;

#endif
