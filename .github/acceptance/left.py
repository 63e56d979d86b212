"""Says loudly what to do with a stack that was not destroyed: `python3 -I left.py STACK REGION`."""

import sys

_TEXT = """\
::error::{stack} may still be there, and costs money until it is destroyed; it was not removed from the state.

### {stack} is not destroyed

Run the job `destroy` again (**Re-run failed jobs**), or by hand, as an administrator in the shell of steps 1 and 2 of
docs/first-deployment.md. What AWS has of it, also what the state does not know because `up` was killed while AWS made
it (what was deleted may be listed for some hours):

```console
$ aws resourcegroupstaggingapi get-resources --region {region} --tag-filters Key=acceptance,Values={tag} \\
    --query 'ResourceTagMappingList[].ResourceARN' --output text
```

Delete what the state does not have, as there under *Undo*; then all the rest:

```console
$ pulumi cancel --yes --stack {stack}
$ pulumi refresh --yes --clear-pending-creates --stack {stack}
$ pulumi destroy --yes --stack {stack}
$ pulumi stack rm --yes --stack {stack}
```

Which error means what: docs/troubleshooting.md.
"""

if __name__ == "__main__":
    stack, region = sys.argv[1:]
    sys.stdout.write(_TEXT.format(stack=stack, region=region, tag=stack.rpartition("/")[2]))
