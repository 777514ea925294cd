"""A real WordPress with its database on loopback, from Debian's packages, in a folder of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from spine.publishing_port import SiteLogin

PACKAGES = (
    *("wordpress", "wordpress-theme-twentytwentythree", "mariadb-server", "mariadb-client"),
    *("php-cli", "php-mysql", "php-gd", "php-xml", "php-curl", "php-mbstring"),
)
_PROGRAMS = ("php", "mariadbd", "mariadb-install-db", "mariadb", "mariadb-admin")
_CORE = Path("/usr/share/wordpress")
_PHP = ("php", "-d", "error_reporting=0", "-d", "opcache.enable_cli=1", "-d", "upload_max_filesize=16M")
_STARTUP_SECONDS = 30.0

_CONFIG = """<?php
define('DB_NAME','wp'); define('DB_USER','wp'); define('DB_PASSWORD','{password}'); define('DB_CHARSET','utf8mb4');
define('DB_HOST','localhost:{socket}'); define('DB_COLLATE',''); $table_prefix='wp_';
foreach (['AUTH_KEY','SECURE_AUTH_KEY','LOGGED_IN_KEY','NONCE_KEY','AUTH_SALT','SECURE_AUTH_SALT','LOGGED_IN_SALT',
  'NONCE_SALT'] as $key) define($key, hash('sha256', $key.'{password}'));
define('WP_ENVIRONMENT_TYPE','local'); // application passwords over plain http
define('WP_HTTP_BLOCK_EXTERNAL',true); define('DISABLE_WP_CRON',true); define('AUTOMATIC_UPDATER_DISABLED',true);
define('WP_HOME','{url}'); define('WP_SITEURL','{url}');
if (!defined('ABSPATH')) define('ABSPATH', __DIR__.'/');
require_once ABSPATH.'wp-settings.php';
"""

_ROUTER = """<?php
$root = __DIR__.'/www'; $path = urldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
if ($path !== '/' && is_file($root.$path)) return false;
$_SERVER['SCRIPT_NAME'] = '/index.php'; $_SERVER['SCRIPT_FILENAME'] = $root.'/index.php';
chdir($root); require $root.'/index.php';
"""

_INSTALL = """
define('WP_INSTALLING', true);
function wp_new_blog_notification() {}
require getcwd().'/www/wp-load.php'; require ABSPATH.'wp-admin/includes/upgrade.php';
wp_install('Books', 'publisher', 'publisher@example.test', true, '', bin2hex(random_bytes(12)));
update_option('permalink_structure', '/%postname%/');
"""

_NEW_LOGIN = """
require getcwd().'/www/wp-load.php';
$user = get_user_by('login', '{user}');
$id = $user ? $user->ID : wp_insert_user(['user_login' => '{user}', 'user_pass' => bin2hex(random_bytes(12)),
  'user_email' => '{user}@example.test', 'role' => '{role}']);
[$password] = WP_Application_Passwords::create_new_application_password($id, ['name' => 'test '.uniqid()]);
echo WP_Application_Passwords::chunk_password($password);
"""


class CannotStart(Exception):
    """Why there is no WordPress here, in one line."""


def install_packages() -> None:
    """Make sure that Debian's packages are there; `CannotStart` where they cannot be had.

    They are installed in containers and in CI only: on a machine with an init system they would start services.
    """
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    if not missing and _CORE.is_dir():
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CannotStart("WordPress and MariaDB are not installed, and only root on Debian or Ubuntu can install them")
    if Path("/run/systemd/system").is_dir() and not os.environ.get("CI"):
        raise CannotStart(f"first run: apt-get install --no-install-recommends {' '.join(PACKAGES)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *arguments], env=quiet, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise CannotStart(f"apt-get {arguments[0]} failed: {(done.stderr.strip() or 'no reason given')[-200:]}")


class DebianWordPress:
    """`with DebianWordPress() as wordpress:` serves at `wordpress.url`; the end of the block leaves nothing behind.

    The folder lies directly under the temporary folder: the database runs as the user `mysql` when we are root, and
    that user must be able to reach it.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="millrace-wordpress-"))
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._database: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start_database()
            self._write_site()
            self.php(_INSTALL)
            self._start_server()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def login(self, user: str = "publisher", role: str = "editor") -> SiteLogin:
        """A new application password; the user is made with `role` when there is none of this name."""
        password = self.php(_NEW_LOGIN.replace("{user}", user).replace("{role}", role))
        return SiteLogin(self.url, user, SecretStr(password))

    def set_option(self, name: str, value: str) -> None:
        self.php(f"require getcwd().'/www/wp-load.php'; update_option('{name}', '{value}'); flush_rewrite_rules();")

    def php(self, code: str) -> str:
        """Run PHP beside the site; returns what it prints."""
        command = [*_PHP, "-r", f"$_SERVER['HTTP_HOST'] = '127.0.0.1'; {code}"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise CannotStart(f"PHP failed: {(done.stdout + done.stderr)[-300:]}")
        return done.stdout

    def close(self) -> None:
        for process in (self._server, self._database):
            if process is not None:
                _end(process)
        self._server = self._database = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_database(self) -> None:
        data, run = self.folder / "data", self.folder / "run"
        self.folder.chmod(0o755)
        user: list[str] = []
        for place in (data, run):
            place.mkdir()
            if os.geteuid() == 0:
                shutil.chown(place, "mysql", "mysql")
                user = ["--user=mysql"]
        install = ["mariadb-install-db", "--no-defaults", *user, f"--datadir={data}"]
        subprocess.run(
            [*install, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
            timeout=120,
        )
        reach = [f"--datadir={data}", f"--socket={self._socket}", "--skip-networking"]
        limits = ["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2", "--performance-schema=OFF"]
        self._database = subprocess.Popen(
            ["mariadbd", "--no-defaults", *user, *reach, *limits],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "mariadb.log").open("wb"),
            start_new_session=True,
        )
        self._wait(self._database, lambda: self._sql("SELECT 1"))

    def _write_site(self) -> None:
        password = secrets.token_hex(12)
        self._sql(
            "CREATE DATABASE wp CHARACTER SET utf8mb4;"
            f"CREATE USER wp@localhost IDENTIFIED BY '{password}'; GRANT ALL ON wp.* TO wp@localhost;",
        )
        www = self.folder / "www"
        # Links are followed: Debian keeps some scripts and the themes elsewhere. A dangling one is of no interest.
        with suppress(shutil.Error):
            shutil.copytree(_CORE, www, symlinks=False, ignore_dangling_symlinks=True)
        (www / "wp-content" / "uploads").mkdir(parents=True, exist_ok=True)
        if not (www / "wp-content" / "themes").is_dir():
            shutil.copytree("/var/lib/wordpress/wp-content/themes", www / "wp-content" / "themes", symlinks=False)
        values = {"{password}": password, "{socket}": str(self._socket), "{url}": self.url}
        config = _CONFIG
        for name, value in values.items():
            config = config.replace(name, value)
        (www / "wp-config.php").write_text(config)
        (self.folder / "router.php").write_text(_ROUTER)

    def _start_server(self) -> None:
        self._server = subprocess.Popen(
            [*_PHP, "-S", self.url.removeprefix("http://"), "-t", "www", "router.php"],
            cwd=self.folder,
            env={**os.environ, "PHP_CLI_SERVER_WORKERS": "4"},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "php.log").open("wb"),
            start_new_session=True,
        )
        self._wait(self._server, lambda: _answers(f"{self.url}/wp-json/"))

    @property
    def _socket(self) -> Path:
        return self.folder / "run" / "db.sock"

    def _sql(self, statements: str) -> bool:
        command = ["mariadb", "--no-defaults", "-uroot", "-S", str(self._socket), "-e", statements]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    def _wait(self, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _STARTUP_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                logs = "".join(path.read_text(errors="replace")[-300:] for path in self.folder.glob("*.log"))
                raise CannotStart(f"{process.args!r} did not start: {logs}")
            time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: PHP's server has workers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Install before the first test runs: how long a mirror takes is no test's time."""
    try:
        install_packages()
    except CannotStart as reason:
        print(f"no WordPress here, its tests are left out: {reason}")


if __name__ == "__main__":
    main()
