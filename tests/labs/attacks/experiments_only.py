# expect: 0; no function
for attempt in range(10**15):
    pass

open("/tmp/ran", "w").write("an experiment was run")
double = fit("everything", steps=10**9)
