import subprocess, sys, pytest
@pytest.mark.parametrize("redis", ["", "redis://127.0.0.1:6390/0"])
def test_idle(servers, redis):
    s = servers.start(**({"REDIS_URL": redis} if redis else {}))
    print(redis or "memory", subprocess.run([sys.executable, "/tmp/w/idle.py", s.base_url, str(s.pid), "500"], capture_output=True, text=True))
