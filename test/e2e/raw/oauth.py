"""OAuth2: a person lets an application in; codes and tokens serve once, and open only what they say."""

import http.client
import json
import os
import urllib.parse


from .base import eq, step

CALLBACK = 'https://example.org/callback'


def form(scene, path, **fields):
    connection = http.client.HTTPConnection(scene.host, scene.port, timeout=10)
    connection.request('POST', '/api/v10' + path, urllib.parse.urlencode(fields),
                       {'Content-Type': 'application/x-www-form-urlencoded'})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b'null')


def let_in(scene, person, app, **query):
    query = dict({'client_id': app, 'response_type': 'code', 'scope': 'identify guilds', 'redirect_uri': CALLBACK, 'state': 'a b&c'},
                 **query)
    url = person.rest.post('/oauth2/authorize', {'authorize': True}, query=query).ok(200)['location']
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(url).query))


def client(scene):
    bot = scene.world.bot(scene.ann, 'oauth ' + os.urandom(3).hex())
    scene.ann.rest.patch('/applications/%s' % bot.application_id, {'redirect_uris': [CALLBACK]}).ok(200)
    secret = scene.ann.rest.post('/applications/%s/reset' % bot.application_id, {}).ok(200)['secret']
    return bot, {'client_id': bot.application_id, 'client_secret': secret}


@step('OAuth2: a code becomes tokens once, tokens open what their scopes say')
def _(scene):
    bot, credentials = client(scene)
    person = scene.world.person('oa')
    got = let_in(scene, person, bot.application_id)
    eq(got['state'], 'a b&c')
    exchange = dict(credentials, grant_type='authorization_code', code=got['code'], redirect_uri=CALLBACK)
    eq(form(scene, '/oauth2/token', **dict(exchange, client_secret='wrong'))[0], 401)
    eq(form(scene, '/oauth2/token', **dict(exchange, redirect_uri='https://evil.example/'))[0], 400)
    status, tokens = form(scene, '/oauth2/token', **exchange)
    eq((status, tokens['token_type'], tokens['scope']), (200, 'Bearer', 'identify guilds'))
    eq(form(scene, '/oauth2/token', **exchange)[0], 400, 'the code a second time')
    bearer = {'Authorization': 'Bearer ' + tokens['access_token']}
    nobody = scene.world.nobody
    me = nobody.get('/users/@me', headers=bearer).ok(200)
    eq(me['id'], person.id)
    assert 'email' not in me, 'email without its scope'
    nobody.get('/users/@me/guilds', headers=bearer).ok(200)
    nobody.get('/users/@me/channels', headers=bearer).refused(403, 50026)
    eq(nobody.get('/users/@me', headers={'Authorization': tokens['access_token']}).status, 401, 'an OAuth2 token without Bearer')
    eq(nobody.get('/oauth2/@me', headers=bearer).ok(200)['application']['id'], bot.application_id)
    status, fresh = form(scene, '/oauth2/token', **dict(credentials, grant_type='refresh_token', refresh_token=tokens['refresh_token']))
    eq(status, 200)
    eq(nobody.get('/users/@me', headers=bearer).status, 401, 'the token before the refresh')
    eq(form(scene, '/oauth2/token/revoke', **dict(credentials, token=fresh['access_token']))[0], 200)
    eq(nobody.get('/users/@me', headers={'Authorization': 'Bearer ' + fresh['access_token']}).status, 401, 'a revoked token')


@step('OAuth2: a callback that was not registered is refused, a proof key is asked for')
def _(scene):
    bot, credentials = client(scene)
    person = scene.world.person('ob')
    person.rest.post('/oauth2/authorize', {'authorize': True}, query={
        'client_id': bot.application_id, 'response_type': 'code', 'scope': 'identify',
        'redirect_uri': 'https://evil.example/'}).refused(400, 50035, 'redirect_uri')
    code = let_in(scene, person, bot.application_id, code_challenge='E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
                  code_challenge_method='S256')['code']
    exchange = dict(credentials, grant_type='authorization_code', code=code, redirect_uri=CALLBACK)
    eq(form(scene, '/oauth2/token', **exchange)[0], 400, 'without the verifier')
    # The pair of RFC 7636, appendix B.
    eq(form(scene, '/oauth2/token', **dict(exchange, code_verifier='dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'))[0], 200)


@step('OAuth2: a bot brings in whom it may')
def _(scene):
    bot, credentials = client(scene)
    person = scene.world.person('oc')
    guild = scene.world.guild(scene.ann, 'open house')['id']
    scene.world.add_bot(scene.ann, bot, guild)
    path = '/guilds/%s/members/%s' % (guild, person.id)
    codes = [let_in(scene, person, bot.application_id, scope=scope)['code'] for scope in ('identify', 'identify guilds.join')]
    tokens = [form(scene, '/oauth2/token', **dict(credentials, grant_type='authorization_code', code=code, redirect_uri=CALLBACK))[1]
              for code in codes]
    assert bot.rest.put(path, {'access_token': tokens[0]['access_token']}).status >= 400, 'without guilds.join'
    eq(bot.rest.put(path, {'access_token': tokens[1]['access_token']}).ok(201)['user']['id'], person.id)
    bot.rest.put(path, {'access_token': tokens[1]['access_token']}).ok(204)
    assert guild in [g['id'] for g in person.rest.get('/users/@me/guilds').ok(200)]
