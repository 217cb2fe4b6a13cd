#!/usr/bin/env python3
"""The generator's own tests: python3 gen/test_gen.py. With UPDATE=1 the golden files are written anew."""
import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from rookery_gen import ctext, lock, outputs, schema  # noqa: E402

DATA = HERE / 'testdata'
# What is compared whole; the rest is mostly the same text for every schema.
GOLDEN = ['model/objects.h', 'model/routes.h', 'model/routes.c', 'model/routes_run.c', 'model/events.c', 'model/tables.c',
          'model/tables.h', 'model/errors.h', 'model/permissions.h', 'openapi.json', 'protocol.ts', 'coverage.md', 'cql.cql']


class Folder(tempfile.TemporaryDirectory):
    """A copy of the test schema, to be spoiled."""

    def __enter__(self):
        path = pathlib.Path(super().__enter__()) / 'schema'
        shutil.copytree(DATA / 'schema', path)
        return path


def complaints(changes: dict) -> list:
    """Of the test schema with the texts @changes appended to its files."""
    with Folder() as folder:
        for name, text in changes.items():
            with open(folder / name, 'a') as file:
                file.write(text)
        try:
            outputs.make(schema.load(str(folder)))
        except schema.SchemaError as error:
            return error.lines
    return []


class Golden(unittest.TestCase):
    maxDiff = 4000

    def test_outputs_are_those_that_were_looked_at(self):
        files = outputs.make(schema.load(str(DATA / 'schema')))
        files['model/objects.c'] = '\n'.join(files[f'model/objects_{n}.c'] for n in range(8))
        files['openapi.json'] = json.dumps(json.loads(files['openapi.json']), indent=1) + '\n'
        for name in GOLDEN + ['model/objects.c']:
            # Not the real ending: nobody shall compile them.
            path = DATA / 'golden' / (name.replace('/', '_') + '.txt')
            if os.environ.get('UPDATE'):
                path.parent.mkdir(exist_ok=True)
                path.write_text(files[name])
            self.assertEqual(path.read_text(), files[name], name)

    def test_the_list_names_all_outputs(self):
        files = outputs.make(schema.load(str(DATA / 'schema')))
        self.assertEqual(sorted(files), sorted(outputs.FILES))

    def test_the_c_compiles_without_a_warning(self):
        compiler = shutil.which(os.environ.get('CC', 'gcc'))
        if not compiler:
            self.skipTest('no compiler')
        with tempfile.TemporaryDirectory() as out:
            outputs.write(schema.load(str(DATA / 'schema')), out)
            # What the build would have from src/api.
            api = pathlib.Path(out) / 'api'
            api.mkdir()
            (api / 'req.h').write_text('#include "codec/dec.h"\nstruct req;\nstruct enc;\n'
                                       'int req_decode(struct req *req, const struct obj_desc *desc, void *ret);\n'
                                       'int req_decode_query(struct req *req, const struct obj_desc *desc, void *ret);\n'
                                       'struct enc *req_enc(struct req *req);\n')
            for name in outputs.FILES:
                if not name.endswith('.c') or name.endswith('_test.c'):
                    continue
                run = subprocess.run(
                    [compiler, '-std=gnu17', '-D_GNU_SOURCE', '-fsyntax-only', '-Werror', '-Wall', '-Wextra', '-Wshadow',
                     '-Wundef', '-Wformat=2', '-Wmissing-prototypes', '-Wstrict-prototypes', '-Wconversion',
                     '-Wno-sign-conversion', '-I', out, '-I', str(HERE.parent / 'src'), str(pathlib.Path(out) / name)],
                    capture_output=True, text=True)
                self.assertEqual((run.returncode, run.stderr), (0, ''), name)


    def test_objects_survive_every_codec(self):
        compiler = shutil.which(os.environ.get('CC', 'gcc'))
        if not compiler or not pathlib.Path('/usr/include/cmocka.h').exists():
            self.skipTest('no compiler, or no cmocka')
        with tempfile.TemporaryDirectory() as out:
            outputs.write(schema.load(str(DATA / 'schema')), out)
            src = HERE.parent / 'src'
            sources = [path for path in (src / 'codec').glob('*.c')
                       if not path.stem.endswith(('_test', '_fuzz', '_bench'))]
            sources += [src / 'base' / f'{name}.c' for name in ('arena', 'buf', 'mem', 'random', 'region', 'slab', 'str', 'url')]
            sources += pathlib.Path(out).glob('model/objects_*.c')
            binary = str(pathlib.Path(out) / 'roundtrip')
            run = subprocess.run(
                [compiler, '-std=gnu17', '-D_GNU_SOURCE', '-w', '-O0', '-I', out, '-I', str(src), '-o', binary,
                 str(pathlib.Path(out) / 'model/roundtrip_test.c'), *map(str, sources),
                 '-lcmocka', '-ljansson', '-licuuc', '-lm'], capture_output=True, text=True)
            self.assertEqual((run.returncode, run.stderr), (0, ''))
            run = subprocess.run([binary], capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


    def test_a_union_with_a_default_needs_no_tag(self):
        union = schema.load(str(DATA / 'schema')).objects['mark']
        self.assertTrue(all(not v.field('kind').required for _, v in union.variants))


class Writing(unittest.TestCase):
    def test_files_that_stay_the_same_are_not_touched(self):
        with Folder() as folder, tempfile.TemporaryDirectory() as out:
            self.assertEqual(sorted(outputs.write(schema.load(str(folder)), out)), sorted(outputs.FILES))
            self.assertEqual(outputs.write(schema.load(str(folder)), out), [])
            with open(folder / 'limits.toml', 'a') as file:
                file.write('NEW = { value = 1 }\n')
            self.assertEqual(outputs.write(schema.load(str(folder)), out),
                             ['model/limits.h', 'model/limits.c', 'protocol.ts'])

    def test_an_empty_schema_is_one(self):
        with tempfile.TemporaryDirectory() as folder:
            outputs.make(schema.load(folder))

    def test_text_is_escaped_for_c(self):
        self.assertEqual(ctext.string('a"b\\c\n\u00fc??'), '"a\\"b\\\\c\\012\\303\\274\\077\\077"')
        self.assertEqual(ctext.integer(-(1 << 63)), 'INT64_MIN')

    def test_the_command_says_what_is_wrong_and_fails(self):
        with Folder() as folder:
            (folder / 'events.toml').write_text('[event.X]\nobject = "nothing"\n')
            run = subprocess.run([sys.executable, str(HERE / 'generate.py'), '--schema', str(folder), '--out', '/nonexistent'],
                                 capture_output=True, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn('event X: no object or view "nothing"', run.stderr)


class Complaints(unittest.TestCase):
    CASES = [
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "thing" }]', 'x.a: no object or view "thing"'),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "int", colour = 1 }]', 'x.a: unknown key "colour"'),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "int" }, { name = "a", type = "int" }]',
         'x.a: named twice'),
        ('objects/post.toml', '[object.x]\nfields = [{ id = 1, name = "a", type = "int" }, '
         '{ id = 1, name = "b", type = "int" }]', 'x.b: id 1 is that of a'),
        ('objects/post.toml', '[object.x]\nfields = [{ id = 1, name = "a", type = "post_create" }]',
         'x.a: stored, but post_create has no stored fields'),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "string", default = 5 }]',
         'x.a: default does not fit string'),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "int", choices = ["a"] }]',
         "x.a: choices are a list of the field's own type"),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "int", min = 2, max = 1 }]', 'x.a: min is above max'),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "bool", max = 1 }]', 'x.a: bool has no max'),
        ('objects/post.toml', '[object.x]\nfields = [{ name = "a", type = "block_text" }]',
         'block_text: a variant of a union, and used alone; make two objects'),
        ('objects/post.toml', '[object.struct]\nfields = []', 'object "struct": not a name for a struct'),
        ('objects/post.toml', '[object.post_list]\nfields = []', 'object post_list: that is the name of the C list of post'),
        ('objects/post.toml', '[view.v]\nof = "post"\ndrop = ["nothing"]', 'view v: post has no field "nothing"'),
        ('objects/post.toml', '[view.v]\nof = "w"\n[view.w]\nof = "v"', 'view v: no object "w", or an object of that name'),
        ('objects/post.toml', '[union.u]\nvariants = { 1 = "nothing" }', 'union u: no object "nothing"'),
        ('objects/post.toml', '[object.a1]\nfields = [{ name = "type", type = "int" }, { name = "x", type = "int" }]\n'
         '[object.a2]\nfields = [{ name = "type", type = "int" }, { name = "x", type = "bool" }]\n'
         '[union.u]\nvariants = { 1 = "a1", 2 = "a2" }', 'union u: x is int and bool'),
        ('routes/posts.toml', '[route.x]\ncall = "FETCH /x"', 'route x: "FETCH /x" is not METHOD /path'),
        ('routes/posts.toml', '[route.x]\ncall = "GET /codes/{name}"', 'route x: get_by_code has the same call'),
        ('routes/posts.toml', '[route.x]\ncall = "GET /x/{y}.png"', 'route x: a parameter takes a whole segment'),
        ('routes/posts.toml', '[route.x]\ncall = "GET /x"\nerrors = ["OOPS"]', 'route x: no error OOPS'),
        ('routes/posts.toml', '[route.x]\ncall = "GET /x"\nbody = "string"', 'route x: body is an object (or []object)'),
        ('routes/posts.toml', '[route.x]\ncall = "GET /x"\nbucket = { name = "posts", limit = 6, per_ms = 5000 }',
         'route x: bucket posts has other numbers elsewhere'),
        ('events.toml', '[event.X]\nintents = ["NONE"]', 'event X: no intent NONE'),
        ('tables.toml', '[table.x]\nbyte = 16\nfamily = "posts"\npartition = ["a u64"]\norder = ["kind u8=9"]',
         'table x: shares byte 16 with post, but not its partition'),
        ('tables.toml', '[table.x]\nbyte = 32\nfamily = "people"\npartition = ["a u64"]\norder = ["b u64"]',
         "table x: its rows cannot be told from others of byte 32"),
        ('tables.toml', '[table.x]\nbyte = 99\norder = ["a string", "b u64"]',
         'table x: a part of free length comes last, and in the order'),
        ('errors.toml', 'AGAIN = { code = 10003, http = 404, message = "" }', 'error AGAIN: UNKNOWN_ROOM has code 10003'),
        ('opcodes.toml', 'X = { code = 9, object = "nothing" }', 'opcode X: no object "nothing"'),
    ]

    def test_each_slip_is_named(self):
        self.assertEqual(complaints({}), [])
        for name, text, expected in self.CASES:
            with self.subTest(expected):
                self.assertIn(expected, complaints({name: '\n' + text + '\n'}))

    def test_broken_toml_is_named(self):
        self.assertIn('limits.toml', complaints({'limits.toml': '\n[['})[0])


class Lock(unittest.TestCase):
    def check(self, folder, **options):
        lock.check(schema.load(str(folder)), str(folder), **options)

    def spoil(self, folder, old, new):
        path = folder / 'objects' / 'post.toml'
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def test_new_fields_are_added_and_kept(self):
        with Folder() as folder:
            self.check(folder)
            with self.assertRaises(schema.SchemaError):
                self.check(folder, strict=True)
            self.check(folder, write=True)
            text = (folder / 'fields.lock').read_text()
            self.assertIn('\npost.readers 10 []snowflake\n', text)
            self.assertIn('\nblock_row.blocks 2 []block\n', text)
            self.assertNotIn('nonce', text)
            self.check(folder, strict=True)
            self.spoil(folder, '  { id = 7, name = "perms", type = "u64" },\n', '')
            self.check(folder, write=True)
            self.assertIn('\npost.perms 7 u64\n', (folder / 'fields.lock').read_text())

    def test_an_id_is_never_given_twice(self):
        with Folder() as folder:
            self.check(folder, write=True)
            self.spoil(folder, 'id = 7, name = "perms"', 'id = 7, name = "powers"')
            with self.assertRaises(schema.SchemaError) as caught:
                self.check(folder)
            self.assertEqual(caught.exception.lines, ['post.powers: id 7 belongs to perms (fields.lock)'])

    def test_a_type_never_changes(self):
        with Folder() as folder:
            self.check(folder, write=True)
            self.spoil(folder, 'name = "perms", type = "u64"', 'name = "perms", type = "string"')
            with self.assertRaises(schema.SchemaError) as caught:
                self.check(folder)
            self.assertEqual(caught.exception.lines, ['post.perms: 7 string, but fields.lock has 7 u64'])


if __name__ == '__main__':
    with contextlib.suppress(io.UnsupportedOperation):
        sys.stdout.reconfigure(line_buffering=True)
    unittest.main()
