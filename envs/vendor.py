"""Fetch the JavaScript libraries that the page inlines from the npm registry, as versions.json names them.

    make vendor

To take another version, change `version` and `integrity` (`npm view PACKAGE@VERSION dist.integrity`), run it,
and write the hashes that it prints into `files`. `tests/gallery/test_vendor.py` compares the files with them.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "src/prunegrid/gallery/vendor"


def fetch(package: str, version: str, integrity: str, folder: Path) -> Path:
    """Return the package's archive, as npm fetches it; raise ValueError if it is not the chosen one."""
    command = ["npm", "pack", f"{package}@{version}", "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, check=True)
    (archive,) = folder.glob("*.tgz")
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != integrity:
        raise ValueError(f"{package}@{version}: the registry has {found}, versions.json {integrity}")
    return archive


def main() -> int:
    """Write all files; return 1 if one of them has another hash than versions.json tells."""
    same = True
    for package, told in json.loads((FOLDER / "versions.json").read_text(encoding="utf-8")).items():
        with tempfile.TemporaryDirectory() as folder:
            archive = fetch(package, told["version"], told["integrity"], Path(folder))
            with tarfile.open(archive) as members:
                for name, file in told["files"].items():
                    content = members.extractfile(f"package/{file['from']}")
                    assert content is not None, file["from"]
                    data = content.read()
                    sha256 = hashlib.sha256(data).hexdigest()
                    print(f"{name}  {sha256}")
                    same = same and sha256 == file["sha256"]
                    (FOLDER / name).write_bytes(data)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
