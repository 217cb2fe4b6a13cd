#!/usr/bin/env python3
"""Reads schema/*.toml, writes C and what else is made from it: generate.py --schema schema --out BUILD/gen."""
import argparse
import sys

sys.dont_write_bytecode = True

from rookery_gen import lock, outputs, schema  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--schema', default='schema', help='folder of the schema')
    parser.add_argument('--out', default='build/gen', help='folder to write into')
    parser.add_argument('--list', action='store_true', help='print the files that would be written, and nothing else')
    parser.add_argument('--lock', action='store_true', help='add new stored fields to fields.lock')
    parser.add_argument('--check-lock', action='store_true', help='fail when fields.lock lacks a stored field')
    args = parser.parse_args()
    if args.list:
        print('\n'.join(outputs.FILES))
        return 0
    try:
        model = schema.load(args.schema)
        lock.check(model, args.schema, write=args.lock, strict=args.check_lock)
        outputs.write(model, args.out)
    except schema.SchemaError as error:
        for line in error.lines:
            print(f'schema: {line}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
