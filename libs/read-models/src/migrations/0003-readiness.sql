-- A service asks whether it is behind before it says that it is ready.
grant select on rm.migration to public;
