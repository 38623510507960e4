-- What JetStream took after all is no longer parked.
grant delete on bus.parked to vt_ledger;
