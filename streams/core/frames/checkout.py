"""Where machines keep the code they run: the same file lies elsewhere on every CI system and in every image."""

from __future__ import annotations

import re

_PART = r"[^/]{1,200}"
_ROOTS = re.compile(
    rf"/home/runner/work/{_PART}/{_PART}/|/Users/runner/work/{_PART}/{_PART}/|/__w/{_PART}/{_PART}/|/github/workspace/"
    rf"|(?:/home/vsts/work|/Users/runner/work|[A-Z]:/a(?:/_work)?)/\d{{1,6}}/s/|[A-Z]:/a/{_PART}/{_PART}/"
    rf"|/builds/{_PART}/{_PART}/|/home/travis/build/{_PART}/{_PART}/"
    rf"|/(?:var/jenkins_home|var/lib/jenkins|home/jenkins(?:/agent)?|jenkins)/workspace/{_PART}/"
    r"|/root/(?:project|repo)/|/home/circleci/(?:project|repo)/"
    rf"|/var/lib/buildkite-agent/builds/{_PART}/{_PART}/{_PART}/"
    rf"|/codebuild/output/{_PART}/src/(?:{_PART}/){{3}}|/opt/buildagent/work/{_PART}/|/opt/atlassian/pipelines/agent/build/"
    r"|/drone/src/|/bitrise/src/|/opt/build/repo/|/vercel/path0/|[A-Z]:/projects/[^/]{1,200}/"
    r"|/workspaces?/|/(?:usr/src/)?app/|/code/|/var/task/|/go/src/app/|/work/|/repo/|/project/"
)


def relative(path: str) -> str:
    """Return a path with slashes below the folder that a CI system or an image keeps the code in, where it is known.

    >>> relative("/home/runner/work/shop/shop/cart/views.py"), relative("/srv/shop/views.py")
    ('cart/views.py', '/srv/shop/views.py')
    """
    found = _ROOTS.match(path)
    return path[found.end() :] if found else path
