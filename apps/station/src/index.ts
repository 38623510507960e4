export { Home, type Address } from './home.ts';
export { startStation, type Station, type StationOptions } from './station.ts';
