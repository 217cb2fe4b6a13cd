"""What the suites about presence share: a guild with people and a bot that sees them; saying and hearing presences."""


def say(gateway, status='online', *activities, **more):
    gateway.send(3, dict({'since': 0, 'afk': False, 'status': status, 'activities': list(activities)}, **more))


def told(gateway, person, where=None, timeout=5.0):
    """The next PRESENCE_UPDATE about @person."""
    return gateway.wait('PRESENCE_UPDATE', where=lambda d: d['user']['id'] == person.id and (not where or where(d)),
                        timeout=timeout)['d']


def silent(gateway, person, timeout=0.7):
    gateway.none('PRESENCE_UPDATE', where=lambda d: d['user']['id'] == person.id, timeout=timeout)


class Stage:
    """A guild with an owner, people and a bot that sees everything."""

    def __init__(self, scene, *names, **more):
        self.owner = scene.world.person('owner')
        self.guild = scene.world.guild(self.owner, 'presence')
        self.id, self.hall = self.guild['id'], self.guild['system_channel_id']
        self.people = [scene.world.person(name) for name in names]
        for person in self.people:
            scene.world.join(person, self.owner, self.hall)
        self.bot = scene.world.bot(self.owner, 'observer')
        scene.world.add_bot(self.owner, self.bot, self.id, **more)
        self.eyes = self.bot.gateway()

    def close(self, *gateways):
        self.eyes.close()
        for gateway in gateways:
            gateway.close()
